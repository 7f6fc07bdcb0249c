// Opened from the disk, a page may start no Worker, and the search runs in one: there, a hidden frame does its work.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      const frame = document.createElement("iframe");
      frame.hidden = true;
      document.body.appendChild(frame);
      const inside = frame.contentWindow;
      inside.postMessage = (data) => {
        const event = new MessageEvent("message", { data });
        this.dispatchEvent(event);
        this.onmessage?.(event);
      };
      const add = (source) =>
        new Promise((loaded) => {
          const script = inside.document.createElement("script");
          script.onload = loaded;
          script.src = source;
          inside.document.body.appendChild(script);
        });
      inside.importScripts = (...sources) => sources.reduce((last, one) => last.then(() => add(one)), Promise.resolve());
      this.ready = add(url);
      this.inside = inside;
    }

    postMessage(data) {
      this.ready.then(() => this.inside.dispatchEvent(new MessageEvent("message", { data })));
    }

    terminate() {
      this.inside.frameElement.remove();
    }
  };
}
