"""Open-i, the Indiana University chest X-ray reports: text and codings of 3,955 studies (Demner-Fushman et al. 2016).

The reports come inside torchxrayvision, which is found on disk and not imported. One study a patient.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from nast_core.claims.anatomy import anatomy
from nast_core.claims.claim import Claim
from nast_core.claims.extract import extract
from nast_core.claims.sections import Read
from nast_core.claims.study import Source, Study, consistent
from nast_core.claims.truth import holds
from nast_core.errors import DataError
from nast_core.files import markup
from nast_core.files.archives import members
from nast_core.files.documents import packaged
from nast_core.files.folders import walked
from nast_core.files.gate import as_path, read_bytes, shown
from nast_core.files.tables import read_table
from nast_core.progress import Far
from nast_core.vocabulary.model import Vocabulary
from nast_core.vocabulary.shipped import chest, given

LICENCE = "Open-i, Indiana University: CC BY-NC-ND 4.0 (as each report says)"
SECTIONS = ("FINDINGS", "IMPRESSION")


@dataclass(frozen=True)
class Report:
    """One report as it was filed."""

    study_id: str
    text: str  # FINDINGS and IMPRESSION
    codings: tuple[str, ...]  # MeSH: "Opacity/lung/base/left/mild"
    images: tuple[str, ...]  # names without their ending
    read: Read = "findings"  # what ``text`` is

    @property
    def coded_normal(self) -> bool:
        return [coding.strip().lower() for coding in self.codings] == ["normal"]


def bundled(name: str) -> Path:
    """A data file inside the installed torchxrayvision. Raises DataError where it is not there."""
    spec = find_spec("torchxrayvision")
    folder = Path(spec.origin).parent / "data" if spec and spec.origin else None
    if folder is None or not (folder / name).exists():
        raise DataError(f"{name} comes with torchxrayvision, which is not installed: pip install torchxrayvision")
    return folder / name


def read_reports(path: Path | None = None) -> tuple[list[Report], dict[str, str]]:
    """(reports in the order of their numbers, reason by name of the files that are not a report).

    ``path``: an archive (.tgz, .tar, .zip) or a folder of XML files; by default the archive inside torchxrayvision.
    Raises DataError where there is no XML file, or none of them is a report.
    """
    path = as_path(path or bundled("NLMCXR_reports.tgz"))
    reports, skipped, seen = [], {}, 0
    for name, content in _files(path):
        seen += 1
        try:
            if content is None:
                raise ValueError(f"more than {markup.MOST:,} bytes, or no regular file")
            reports.append(_report(content))
        except ValueError as error:
            skipped[shown(name)] = f"not an Open-i report: {error}"
    if not seen:
        raise DataError(f"{path} holds no XML file; give the folder or .tgz archive of Open-i's reports")
    if not reports:
        name, reason = next(iter(skipped.items()))
        raise DataError(f"none of the {seen} XML files of {path} can be used; first {shown(name)!r}: {reason}")
    return sorted(reports, key=lambda report: _number(report.study_id)), skipped


def _number(study_id: str) -> int:
    return int("".join(re.findall("[0-9]", study_id))[:18] or 0)


def _files(path: Path) -> Iterator[tuple[str, bytes | None]]:
    """(name, content) of every XML file; None for one that is too large, or no file."""
    advice = "give Open-i's reports as a folder of XML or a .tgz"
    if not path.exists():
        raise DataError(f"there is no file or folder {shown(path)}; {advice}")
    if not path.is_dir():
        yield from (
            (Path(name).name, content)
            for name, content in members(path, ".xml", each=markup.MOST, what="an archive of reports")
        )
        return
    for file in walked(path, ".xml"):
        try:
            yield file.name, read_bytes(Path(file.path), most=markup.MOST)
        except DataError:
            yield file.name, None


def _report(content: bytes) -> Report:
    root = markup.parse_xml(content)
    name = root.find("uId")
    if name is None or "id" not in name.attrib:
        raise ValueError("it has no uId")
    texts = {node.get("Label", "").strip().upper(): (node.text or "").strip() for node in root.iter("AbstractText")}
    section: Read = "findings" if texts.get("FINDINGS") else "impression alone" if texts.get("IMPRESSION") else "none"
    return Report(
        study_id=name.attrib["id"],
        text="\n\n".join(texts[section] for section in SECTIONS if texts.get(section)),
        codings=tuple(node.text.strip() for node in root.iter("major") if node.text and node.text.strip()),
        images=tuple(node.attrib["id"] for node in root.iter("parentImage") if "id" in node.attrib),
        read=section,
    )


@lru_cache(maxsize=1)
def _views() -> tuple[frozenset[str], frozenset[str]]:
    """Names of the frontal images: by their pixels (torchxrayvision's clusters), and by their DICOM headers.

    Headers are noisy, so what the pixels show to be lateral is in neither.
    """
    pixels = read_table(bundled("nlmcxr_tsne_pa.csv.gz"))
    headers = read_table(bundled("nlmcxr_dicom_metadata.csv.gz"), ["imageid", "View Position"])
    lateral = set(pixels.imageid[pixels["tsne-view"] == "L"])
    by_header = set(headers.imageid[headers["View Position"].isin(["PA", "AP"])])
    return frozenset(pixels.imageid[pixels["tsne-view"] == "PA"]), frozenset(by_header - lateral)


def image_of(report: Report) -> str | None:
    """The file name of the report's frontal image; None where no image is known to be frontal."""
    by_pixels, by_header = _views()
    frontal = [*(n for n in report.images if n in by_pixels), *(n for n in report.images if n in by_header)]
    return f"{frontal[0]}.png" if frontal else None


@lru_cache(maxsize=1)
def _mesh() -> dict:
    return packaged("nast_core.claims", "mesh.yaml")


def coded_claims(report: Report) -> tuple[Claim, ...]:
    """What the codings state of CheXpert's conditions. They list what is present; absence, of everything, is said by
    "normal" alone."""
    if report.coded_normal:
        return tuple(Claim(finding=condition, polarity="absent", sentence="normal") for condition in chest().conditions)
    return tuple(claim for coding in report.codings for claim in _coded(coding))


def _coded(coding: str) -> Iterator[Claim]:
    mesh = _mesh()
    head, *terms = (part.strip() for part in coding.split("/"))
    for rule in mesh["conditions"].get(head, []):
        if set(rule.get("unless", ())) & set(terms) or not set(rule.get("needs", terms or [""])) & {*terms, ""}:
            continue
        can = anatomy()[rule["condition"]]
        zone = _single(mesh["zones"], terms)
        yield Claim.model_validate(
            {
                "finding": rule["condition"],
                "polarity": "present",
                "laterality": _single(mesh["sides"], terms) if can.sided else None,
                "zone": zone if zone in can.zones else None,
                "severity": _single(mesh["severities"], terms) if can.grades else None,
                "sentence": coding,
            }
        )


def _single(names: dict[str, str], terms: list[str]) -> str | None:
    values = {names[term] for term in terms if term in names}
    return values.pop() if len(values) == 1 else None


def openi_studies(
    path: Path | None = None,
    progress: Far | None = None,
    most: int | None = None,
    vocabulary: Vocabulary | None = None,
) -> Source:
    """Claims of every report's text, without those that its codings contradict.

    Where text and codings agree on one side, one zone and one grade, and the codings list no other, that is all there
    is. ``most``: only the first so many reports are looked at. Codings are of CheXpert's conditions: claims of another
    vocabulary are not compared.
    """
    vocabulary = given(vocabulary)
    reports, skipped = read_reports(path)
    reports = reports[:most]
    notes, sections = Counter[str](), Counter[str]()
    studies = []
    for number, report in enumerate(reports, start=1):
        if progress:
            progress(number, len(reports))
        sections[report.read] += 1
        if not report.text:
            notes["reports without findings or impression"] += 1
            continue
        extraction = extract(report.text, vocabulary)
        notes.update({f"namings left out: {reason}": count for reason, count in extraction.left_out.items()})
        coded = coded_claims(report) if vocabulary == chest() else ()
        claims = _checked(consistent(extraction.claims, notes, vocabulary), coded, notes)
        if claims:
            studies.append(Study(report.study_id, report.study_id, claims, image_of(report)))
        else:
            notes["reports without a claim"] += 1
    return Source("Open-i", studies, LICENCE, notes, skipped, sections)


def _checked(claims: Iterable[Claim], coded: Sequence[Claim], notes: Counter) -> tuple[Claim, ...]:
    agreeing: list[Claim] = []
    by_finding: dict[str, list[Claim]] = {}
    for claim in claims:
        by_finding.setdefault(claim.finding, []).append(claim)
    for finding, own in by_finding.items():
        codes = [code for code in coded if code.finding == finding]
        if any(holds(claim, codes) is False for claim in own):
            notes["findings that the codings contradict"] += 1
        elif len(own) == 1 and codes and own[0].polarity == "present" and _same_everywhere(own[0], codes):
            agreeing.append(own[0].model_copy(update={"only": True}))
        else:
            agreeing += own
    return tuple(agreeing)


def _same_everywhere(claim: Claim, codes: Sequence[Claim]) -> bool:
    """Whether every coding of the finding puts it where the text does, as the text grades it."""
    sided = claim.laterality in ("left", "right") and all(code.laterality == claim.laterality for code in codes)
    return sided and all(
        getattr(code, name) in (None, getattr(claim, name)) for code in codes for name in ("zone", "severity")
    )
