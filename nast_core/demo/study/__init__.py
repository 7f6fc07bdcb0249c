"""The study: which text layers should learn how fast? Every arm on the demo CLIP, over seeds (``nast demo study``)."""
