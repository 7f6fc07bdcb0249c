"""What a run of kind ``repair`` says of the model that it made: read without torch."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from nast_core.errors import RepairError, what_is_wrong
from nast_core.files.documents import read_json
from nast_core.files.gate import shown
from nast_core.repair.spec import Repair, read_repair

RECORD = "repair.json"
WORDS = "vocabulary.yaml"  # beside it, where the dataset's vocabulary does not come with NAST


class RepairRecord(BaseModel):
    """repair.json of a run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    base: str  # as load_model takes it
    base_fingerprint: str  # empty where the run's weights were narrower than float32
    repair: str  # with its strength
    words: str  # the vocabulary's name, or the file of the run

    def of(self, folder: Path) -> Repair:
        """The repair; ``folder`` is the run's as it lies now. Raises RepairError where this NAST has no such one."""
        name, _, arguments = self.repair.removesuffix(")").partition("(")
        own = f"vocabulary={folder / WORDS if self.words.endswith(WORDS) else self.words}"
        return read_repair(name, ",".join(filter(None, (arguments, own))))

    def refuse_another(self, folder: Path, name: str, fingerprint: str) -> None:
        """Raises RepairError where the base is not the one that the strength was chosen for."""
        if self.base_fingerprint and fingerprint != self.base_fingerprint:
            raise RepairError(
                f"the repair in {shown(folder)} was made for {shown(self.base)} (fingerprint "
                f"{self.base_fingerprint[:12]}), and {shown(name)} now has fingerprint {fingerprint[:12]}; make it anew"
            )


def read_record(folder: Path) -> RepairRecord:
    """Raises RepairError for a folder that holds no repair."""
    try:
        return RepairRecord.model_validate(read_json(folder / RECORD, error=RepairError, absent="run the repair again"))
    except ValidationError as error:
        raise RepairError(f"{shown(folder / RECORD)} is no record of a repair ({what_is_wrong(error)})") from None
