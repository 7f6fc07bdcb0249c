"""Where claims come from: Open-i, PadChest, MIMIC-CXR's folders and tables of one's own, good ones and bad ones."""

import io
import os
import tarfile
import zipfile
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from nast_core.claims.agreement import compare
from nast_core.claims.claim import Claim
from nast_core.claims.extract import extract
from nast_core.claims.openi import Report, coded_claims, image_of, openi_studies, read_reports
from nast_core.claims.padchest import claims_of, padchest_studies
from nast_core.claims.reports import findings_of, mimic_studies, table_studies
from nast_core.claims.sources import read_source
from nast_core.claims.study import consistent
from nast_core.errors import DataError


def xml(name: str, findings: str | None, *codings: str, impression: str | None = None) -> str:
    texts = "".join(
        f'<AbstractText Label="{label}">{text}</AbstractText>'
        for label, text in (("INDICATION", "Large effusion?"), ("FINDINGS", findings), ("IMPRESSION", impression))
        if text
    )
    major = "".join(f"<major>{coding}</major>" for coding in codings)
    return (
        f'<?xml version="1.0"?><eCitation><uId id="{name}"/><MedlineCitation><Abstract>{texts}</Abstract>'
        f'</MedlineCitation><MeSH>{major}</MeSH><parentImage id="{name}_IM-1-1001"/></eCitation>'
    )


REPORTS = {
    "1.xml": xml("CXR1", "Small left effusion. No pneumothorax.", "Pleural Effusion/left/small"),
    "2.xml": xml("CXR2", "Heart size is normal.", "normal", impression="Clear lungs."),
    "3.xml": xml("CXR3", "Right basilar opacity.", "Opacity/lung/base/right", "Opacity/lung/base/left"),
    "4.xml": xml("CXR4", "Small left effusion.", "normal"),
    "5.xml": xml("CXR5", None, "No Indexing"),
}


@pytest.fixture
def folder(tmp_path) -> Path:
    for name, text in REPORTS.items():
        (tmp_path / name).write_text(text)
    return tmp_path


def test_claims_come_from_findings_and_impression_and_not_from_the_indication(folder):
    source = openi_studies(folder)
    claims = {
        study.study_id: {(c.finding, c.polarity, c.laterality, c.severity) for c in study.claims}
        for study in source.studies
    }
    assert claims["CXR1"] == {("Pleural Effusion", "present", "left", "mild"), ("Pneumothorax", "absent", None, None)}
    assert claims["CXR2"] == {("Cardiomegaly", "absent", None, None), ("Lung Opacity", "absent", None, None)}
    assert source.notes["reports without findings or impression"] == 1


def test_text_and_codings_that_agree_on_one_side_make_it_the_only_one(folder):
    studies = {study.study_id: study for study in openi_studies(folder).studies}
    assert [claim.only for claim in studies["CXR1"].claims if claim.polarity == "present"] == [True]
    assert [claim.only for claim in studies["CXR3"].claims] == [False]  # coded on the left too


def test_a_claim_that_its_codings_contradict_is_left_out_and_counted(folder):
    source = openi_studies(folder)
    assert "CXR4" not in {study.study_id for study in source.studies}
    assert source.notes["findings that the codings contradict"] == 1


def test_a_folder_and_an_archive_of_it_give_the_same_and_bad_files_are_named_and_skipped(folder, tmp_path):
    (folder / "6.xml").write_text("<eCitation><uId")
    (folder / "7.xml").write_text("<html/>")
    (folder / "8.xml").write_bytes(b"\xff\xfe\x00junk")
    with tarfile.open(tmp_path / "reports.tgz", "w:gz") as archive:
        for path in sorted(folder.glob("*.xml")):
            data = path.read_bytes()
            entry = tarfile.TarInfo(f"inside/{path.name}")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    of_folder, of_archive = read_source(str(folder)), read_source(str(tmp_path / "reports.tgz"))
    assert of_folder.studies == of_archive.studies
    assert set(of_folder.skipped) == set(of_archive.skipped) == {"6.xml", "7.xml", "8.xml"}
    assert of_folder.skipped["7.xml"] == "not an Open-i report: it has no uId"


def test_reports_of_which_none_can_be_read_are_refused(tmp_path):
    with pytest.raises(DataError, match="holds no XML file"):
        read_reports(tmp_path)
    (tmp_path / "1.xml").write_text("<a>")
    with pytest.raises(DataError, match=r"none of the 1 XML files .* first '1\.xml': not an Open-i report"):
        read_reports(tmp_path)
    with pytest.raises(DataError, match="there is no file or folder"):
        read_reports(tmp_path / "none.tgz")
    (tmp_path / "not.tgz").write_bytes(b"\x1f\x8b damaged")
    with pytest.raises(DataError, match="cannot be read as an archive"):
        read_reports(tmp_path / "not.tgz")


def report(*codings: str) -> Report:
    return Report("CXR9", "text", codings, ())


@pytest.mark.parametrize(
    ("coding", "expected"),
    [
        ("Opacity/lung/base/left/mild", [("Lung Opacity", "left", "lower", "mild")]),
        ("Opacity/ribs/right", []),
        ("Pulmonary Atelectasis/base/bilateral", [("Atelectasis", "bilateral", "lower", None)]),
        # no height told apart up there
        ("Pulmonary Atelectasis/upper lobe/left", [("Atelectasis", "left", None, None)]),
        ("Pleural Effusion/right/large", [("Pleural Effusion", "right", None, "severe")]),
        ("Cardiomegaly/borderline", []),
        ("Cardiomegaly", [("Cardiomegaly", None, None, None)]),
        ("Cardiac Shadow/enlarged", [("Cardiomegaly", None, None, None)]),
        ("Cardiac Shadow/obscured", []),
        ("Thickening/pleura/apex/bilateral", [("Pleural Other", "bilateral", None, None)]),
        ("Thickening/bronchi", []),
        ("Hydropneumothorax/left/large", [("Pneumothorax", "left", None, "severe"), ("Pleural Effusion", "left", None,
        "severe")]),
        ("Calcified Granuloma/lung/upper lobe/left", [("Lung Lesion", "left", "upper", None)]),
        ("Infiltrate/lung/upper lobe/lower lobe/left", [("Lung Opacity", "left", None, None)]),  # two heights are none
    ],
)  # fmt: skip
def test_a_coding_states_what_its_terms_say(coding, expected):
    found = coded_claims(report(coding))
    assert [(c.finding, c.laterality, c.zone, c.severity) for c in found] == expected
    assert all(claim.polarity == "present" for claim in found)


def test_only_normal_says_that_something_is_absent():
    assert {claim.polarity for claim in coded_claims(report("normal"))} == {"absent"}
    assert len(coded_claims(report("normal"))) == 13
    assert coded_claims(report("No Indexing")) == ()
    assert not [claim for claim in coded_claims(report("normal", "Cardiomegaly")) if claim.polarity == "absent"]


def effusion(**attributes) -> Claim:
    return Claim(finding="Pleural Effusion", polarity="present", **attributes)


NONE = Claim(finding="Pleural Effusion", polarity="absent")


def test_agreement_by_hand():
    """Four effusions that both have, of which one side and one grade differ; one that the text alone has, one that the
    codings alone have, and three absences of which the codings contradict one."""
    read = {
        "a": [effusion(laterality="left", severity="mild")], "b": [effusion(laterality="right")],
        "c": [effusion(laterality="left")], "d": [effusion(severity="severe")], "e": [effusion()], "f": [],
        "g": [NONE], "h": [NONE], "i": [NONE], "alone": [NONE],
    }  # fmt: skip
    coded = {
        "a": [effusion(laterality="left", severity="mild")], "b": [effusion(laterality="left")],
        "c": [effusion(laterality="left")], "d": [effusion(severity="mild")], "e": [], "f": [effusion()],
        "g": [NONE], "h": [NONE], "i": [effusion()],
    }  # fmt: skip
    found = compare(read, coded)
    by_name = found.attributes.set_index("attribute")
    assert by_name.n.to_dict() == {"polarity": 7, "laterality": 3, "zone": 0, "severity": 2}
    assert by_name.agreement["polarity"] == pytest.approx(6 / 7)
    assert by_name.agreement["laterality"] == pytest.approx(2 / 3)
    assert by_name.agreement["severity"] == pytest.approx(1 / 2)
    # kappa of polarity: observed 6/7; by chance (4/7)(5/7) present + (3/7)(2/7) absent = 26/49
    assert by_name.kappa["polarity"] == pytest.approx((6 / 7 - 26 / 49) / (1 - 26 / 49))
    row = found.findings.set_index("finding").loc["Pleural Effusion"]
    assert (row.coded, row["read"], row.both) == (6, 5, 4)
    assert (row.precision, row.recall) == (pytest.approx(4 / 5), pytest.approx(4 / 6))
    listed = Counter(zip(found.disagreements.study_id, found.disagreements.attribute, strict=True))
    assert listed == dict.fromkeys(
        (("b", "laterality"), ("d", "severity"), ("e", "polarity"), ("f", "polarity"), ("i", "polarity")), 1
    )


def test_two_sides_on_record_apart_are_bilateral_to_the_comparison():
    both = [effusion(laterality="left"), effusion(laterality="right")]
    found = compare({"a": both}, {"a": [effusion(laterality="bilateral")]})
    assert found.attributes.set_index("attribute").agreement["laterality"] == 1
    assert found.disagreements.empty


@pytest.fixture(scope="module")
def openi():
    """A tenth of the real reports."""
    reports, skipped = read_reports()
    assert (len(reports), skipped) == (3955, {})
    return reports[::10]


@pytest.mark.slow
def test_real_reports_agree_with_their_own_codings(openi):
    read = {r.study_id: consistent(extract(r.text).claims) for r in openi if r.text}
    found = compare(read, {r.study_id: coded_claims(r) for r in openi})
    by_name = found.attributes.set_index("attribute")
    assert by_name.n["polarity"] > 400
    assert by_name.kappa["polarity"] > 0.95
    assert by_name.n["laterality"] > 40
    assert by_name.kappa["laterality"] > 0.8
    total = found.findings[["coded", "read", "both"]].sum()
    assert total.both / total["read"] > 0.9  # precision
    assert total.both / total.coded > 0.7  # recall


@pytest.mark.slow
def test_most_real_reports_have_a_frontal_image(openi):
    names = [image_of(report) for report in openi]
    assert sum(name is not None for name in names) / len(names) > 0.85
    assert all(name is None or (name.startswith("CXR") and name.endswith(".png")) for name in names)


def labelled(*sentences: list[str]):
    return [(c.finding, c.polarity, c.laterality, c.zone) for c in claims_of(sentences)]


def test_padchest_labels_state_their_finding_and_a_place_where_the_sentence_has_but_one():
    assert labelled(["pleural effusion", "loc pleural", "loc right"]) == [
        ("Pleural Effusion", "present", "right", None)
    ]
    assert labelled(["laminar atelectasis", "loc basal", "loc left"]) == [("Atelectasis", "present", "left", "lower")]
    assert labelled(["nodule", "loc right upper lobe"]) == [("Lung Lesion", "present", "right", "upper")]
    assert labelled(["pleural effusion both sides"]) == [("Pleural Effusion", "present", "bilateral", None)]
    assert labelled(["infiltrates", "loc basal bilateral", "loc right"]) == [
        ("Lung Opacity", "present", "bilateral", "lower")
    ]
    assert labelled(["pleural effusion", "infiltrates", "loc right"]) == [
        ("Pleural Effusion", "present", None, None), ("Lung Opacity", "present", None, None),
    ]  # fmt: skip
    assert labelled(["scoliosis"], ["unchanged"]) == []


def test_padchest_normal_denies_every_finding_only_where_nothing_else_is_labelled():
    assert {(polarity, finding) for finding, polarity, _, _ in labelled(["normal"], ["normal"])} >= {
        ("absent", "Pneumothorax"), ("absent", "Fracture"),
    }  # fmt: skip
    assert "Support Devices" not in {finding for finding, *_ in labelled(["normal"])}
    assert labelled(["normal"], ["scoliosis"]) == []
    assert labelled(["normal", "loc cardiac"], ["scoliosis"]) == [("Cardiomegaly", "absent", None, None)]


def test_a_padchest_table_gives_frontal_studies_that_physicians_labelled_with_what_was_left_out(tmp_path):
    rows = [
        ("a.png", 0, "s1", "p1", "PA", "Physician", "[['pneumonia', 'loc left']]"),
        ("b.png", 0, "s1", "p1", "PA", "Physician", "[['pneumonia', 'loc left']]"),
        ("c.png", 1, "s2", "p1", "L", "Physician", "[['pneumonia']]"),
        ("d.png", 2, "s3", "p2", "AP", "RNN_model", "['pneumonia']"),
        ("e.png", 2, "s4", "p3", "AP", "Physician", "['pneumonia'"),
    ]
    names = [
        "ImageID",
        "ImageDir",
        "StudyID",
        "PatientID",
        "Projection",
        "MethodLabel",
        "LabelsLocalizationsBySentence",
    ]
    pd.DataFrame(rows, columns=names).to_csv(tmp_path / "padchest.csv", index=False)
    source = read_source(str(tmp_path / "padchest.csv"))
    (study,) = source.studies
    assert (study.study_id, study.patient_id, study.image) == ("s1", "p1", "0/a.png")
    assert [(c.finding, c.laterality, c.only) for c in study.claims] == [("Pneumonia", "left", True)]
    assert source.notes == {
        "images labelled by a network, not by a physician": 1,
        "images that are not frontal": 1,
        "further images of a study": 1,
        "studies whose labels cannot be read": 1,
    }


def test_a_table_that_is_not_padchests_is_refused(tmp_path):
    (tmp_path / "t.csv").write_text("ImageID,StudyID\n1,2\n")
    with pytest.raises(DataError, match="has no column 'ImageDir'"):
        padchest_studies(tmp_path / "t.csv")


REPORT = """                                 FINAL REPORT
 EXAMINATION:  CHEST (PA AND LAT)

 INDICATION:  Large effusion?

 FINDINGS:

 There is a small left
 pleural effusion.  No pneumothorax.

 IMPRESSION:

 Mild cardiomegaly.
"""


def test_a_report_is_read_from_its_findings_and_impression():
    text = findings_of(REPORT)
    assert "Large" not in text
    claims = {(c.finding, c.polarity, c.laterality, c.severity) for c in extract(text).claims}
    assert claims == {
        ("Pleural Effusion", "present", "left", "mild"), ("Pneumothorax", "absent", None, None),
        ("Cardiomegaly", "present", None, "mild"),
    }  # fmt: skip
    assert findings_of("No effusion.") == "No effusion."  # no headings: all of it
    assert findings_of("INDICATION: Effusion?\nTECHNIQUE: PA.") == ""


@pytest.fixture
def mimic(tmp_path) -> Path:
    for patient, study in (("10000032", "50414267"), ("10000032", "53189527"), ("10000764", "57375967")):
        path = tmp_path / "files" / f"p{patient[:2]}" / f"p{patient}" / f"s{study}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(REPORT)
    return tmp_path


def test_mimic_reports_are_found_by_their_paths(mimic):
    source = read_source(str(mimic))
    assert [(s.study_id, s.patient_id, s.image, s.split) for s in source.studies] == [
        ("50414267", "10000032", None, None), ("53189527", "10000032", None, None),
        ("57375967", "10000764", None, None),
    ]  # fmt: skip
    assert source.name == "MIMIC-CXR"


def test_mimics_own_split_and_frontal_images_are_used_where_they_lie_there(mimic):
    (mimic / "mimic-cxr-2.0.0-split.csv").write_text(
        "dicom_id,study_id,subject_id,split\nx,50414267,10000032,validate\ny,57375967,10000764,test\n"
    )
    (mimic / "mimic-cxr-2.0.0-metadata.csv").write_text(
        "dicom_id,subject_id,study_id,ViewPosition\nlat,10000032,50414267,LATERAL\npa,10000032,50414267,PA\n"
    )
    studies = {study.study_id: study for study in mimic_studies(mimic).studies}
    assert studies["50414267"].image == "files/p10/p10000032/s50414267/pa.jpg"
    assert studies["50414267"].split == "validation"
    assert studies["57375967"].image is None


def test_a_mimic_report_that_is_not_utf8_is_named_and_skipped(mimic):
    bad = next(mimic.rglob("s57375967.txt"))
    bad.write_bytes(b"FINDINGS: \xe9panchement")
    source = mimic_studies(mimic)
    assert len(source.studies) == 2
    assert "cannot be read as UTF-8" in source.skipped["files/p10/p10000764/s57375967.txt"]


def test_a_folder_without_reports_is_refused(tmp_path):
    with pytest.raises(DataError, match="holds no report named like"):
        read_source(str(tmp_path))
    with pytest.raises(DataError, match="there is no folder"):
        mimic_studies(tmp_path / "none")


def test_a_table_of_reports_keeps_its_patients_images_and_splits(tmp_path):
    (tmp_path / "r.csv").write_text(
        'study_id,patient_id,image,split,text\na,p1,a.png,Train,"Small left effusion. No edema."\nb,p2,,,Clear '
        "lungs.\nc,p2,,,Nothing.\n"
    )
    source = table_studies(tmp_path / "r.csv")
    assert [(s.study_id, s.patient_id, s.image, s.split) for s in source.studies] == [
        ("a", "p1", "a.png", "train"), ("b", "p2", None, None),
    ]  # fmt: skip
    assert source.notes["reports without a claim"] == 1


def test_a_table_of_reports_may_come_from_a_spreadsheet(tmp_path):
    text = "Study ID;Patient-ID;TEXT\r\n50000001.0;10000032.0;Small left effusion; no edema\r\n".replace("; no", ", no")
    (tmp_path / "r.csv").write_bytes(text.encode("utf-16"))
    source = table_studies(tmp_path / "r.csv")
    assert [(study.study_id, study.patient_id) for study in source.studies] == [("50000001", "10000032")]
    assert source.notes["the .0 that a spreadsheet put behind ids"] == 2
    (tmp_path / "r.csv").write_text("study_id,text\n5.1E+07,x\n")
    with pytest.raises(DataError, match=r"a study_id is '5\.1E\+07', which a spreadsheet made of a longer number"):
        table_studies(tmp_path / "r.csv")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"study,report\na,b\n", "has no column 'study_id'; the nearest are 'study'. Needed: study_id, text"),
        (b"study_id,txt\na,b\n", "has no column 'text'; the nearest are 'txt'"),
        (b"study_id,text\n", "has no rows"),
        (b"", "cannot be read as a UTF-8 table"),
        (b"study_id,text\na,\xe9\n", "cannot be read as a UTF-8 table"),
        (b"study_id,text\na,x\na,y\n", "has the study 'a' more than once"),
        (b"study_id,text,split\na,x,dev\n", "has the split 'dev'; known: train"),
        (b"study_id,patient_id,text,split\na,p,x,train\nb,p,y,test\n", "the patient 'p' is in two splits"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_with_what_is_wrong(tmp_path, content, said):
    (tmp_path / "r.csv").write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_source(str(tmp_path / "r.csv"))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_n_studies_are_drawn_by_the_seed_and_the_rest_counted(folder):
    first = [read_source(str(folder), n=2, seed=0) for _ in range(2)]
    assert first[0].studies == first[1].studies
    assert len(first[0].studies) == 2
    assert first[0].notes["studies not drawn"] == 1


def test_padchest_labels_are_known_in_any_case_and_number_and_foreign_ones_claim_and_settle_nothing(tmp_path):
    head = "ImageID,ImageDir,StudyID,PatientID,Projection,MethodLabel,LabelsLocalizationsBySentence\n"
    cells = [
        "[['Pleural Effusions', 'loc left']]",
        "[['pleural effusion', 'loc left'], ['effusion right']]",
        "[['Normal']]",
    ]
    rows = [f'{n}.png,0,s{n},p{n},PA,Physician,"{cell}"\n' for n, cell in enumerate(cells)]
    (tmp_path / "p.csv").write_text(head + "".join(rows))
    source = padchest_studies(tmp_path / "p.csv")
    first, second, third = ([(c.finding, c.polarity, c.only) for c in study.claims] for study in source.studies)
    assert first == [("Pleural Effusion", "present", True)]
    assert second == [("Pleural Effusion", "present", False)]  # of the right side nothing is known
    assert len(third) == 12
    assert source.notes["labels outside the vocabulary, of which nothing is claimed"] == 1


@pytest.mark.parametrize(
    ("declared", "stored"),
    [("UTF-8", "utf-8"), ("ISO-8859-1", "latin-1"), ("UTF-16", "utf-16"), ("UTF-16", "utf-8"), ("no-such", "utf-8"),
    ("latin-1", "utf-8"),
     ("UTF-8", "utf-16-le"), ("windows-1252", "cp1252")],
)  # fmt: skip
def test_xml_is_read_in_the_encoding_of_its_bytes_whatever_it_declares(tmp_path, declared, stored):
    text = xml("CXR1", "Small left effusion. Épanchement.").replace("?>", f' encoding="{declared}"?>', 1)
    (tmp_path / "1.xml").write_bytes(text.encode(stored))
    (report,), skipped = read_reports(tmp_path)
    assert (report.text, skipped) == ("Small left effusion. Épanchement.", {})


BOMB = '<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;&x;&x;&x;&x;&x;&x;">]><eCitation>&y;</eCitation>'


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (BOMB.encode(), "declares entities"),
        (b"<a>" * 100_000, "nested more than 100 deep"),
        (b"<a>" + b"x" * 5_000_000 + b"</a>", "more than 4,000,000 bytes"),
        (b'<?xml version="1.0" encoding="no-such"?><a>\xe9</a>', "no encoding known here"),
        (b'<?xml version="1.0" encoding="utf-7"?><a>\xe9</a>', "not UTF-8 text"),
        (b"", "not an Open-i report"),
        (b"\xff\xfe<", "not an Open-i report"),
    ],
)
def test_xml_that_is_none_is_named_with_its_reason_and_skipped(tmp_path, content, said):
    (tmp_path / "1.xml").write_text(REPORTS["1.xml"])
    (tmp_path / "2.xml").write_bytes(content)
    os.mkfifo(tmp_path / "3.xml")
    reports, skipped = read_reports(tmp_path)
    assert [report.study_id for report in reports] == ["CXR1"]
    assert said in skipped["2.xml"]
    assert "no regular file" in skipped["3.xml"]


def archive(path: Path, kind: str, **files: bytes) -> Path:
    if kind == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
            for name, content in files.items():
                packed.writestr(f"{name}.xml", content)
        return path
    with tarfile.open(path, f"w:{kind}") as packed:
        for name, content in files.items():
            entry = tarfile.TarInfo(f"../{name}.xml")
            entry.size = len(content)
            packed.addfile(entry, io.BytesIO(content))
    return path


@pytest.mark.parametrize("kind", ["", "gz", "zip"])
def test_archives_are_read_without_unpacking_and_huge_members_are_named(tmp_path, kind):
    name = "reports.zip" if kind == "zip" else "reports.tgz"
    good, huge = REPORTS["1.xml"].encode(), os.urandom(4_100_000)
    path = archive(tmp_path / name, kind, one=good, two=huge)
    source = read_source(str(path))
    assert [study.study_id for study in source.studies] == ["CXR1"]
    assert "more than 4,000,000 bytes" in source.skipped["two.xml"]
    assert sorted(os.listdir(tmp_path)) == [name]


def test_an_archive_that_unpacks_to_far_more_is_refused(tmp_path):
    path = archive(tmp_path / "r.tgz", "gz", one=bytes(60_000_000))
    with pytest.raises(
        DataError, match=r"r\.tgz cannot be read as an archive of reports: it unpacks to more than 200 times"
    ):
        openi_studies(path)


def test_a_folder_of_reports_is_read_lazily_past_pipes_rings_and_depth(mimic, monkeypatch):
    patient = mimic / "files" / "p11" / "p11000001"
    patient.mkdir(parents=True)
    os.mkfifo(patient / "s59999999.txt")
    (patient / "s59999998.txt").write_bytes(b"x" * 1_000_001)
    (patient / "ring").symlink_to(mimic)
    deep = patient.joinpath(*["d"] * 200)
    deep.mkdir(parents=True)
    source = read_source(str(mimic))
    assert len(source.studies) == 3
    assert "is a pipe, and a file is needed" in source.skipped["files/p11/p11000001/s59999999.txt"]
    assert "at most 1,000,000 are read" in source.skipped["files/p11/p11000001/s59999998.txt"]
    listed = []
    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: listed.append(path) or scandir(path))
    assert len(mimic_studies(mimic, most=1).studies) == 1
    assert not any("p11" in str(path) for path in listed)
