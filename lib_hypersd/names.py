from dataclasses import dataclass
import re
@dataclass(frozen=True)
class Distillation:
    maker: str
    steps: int | None = None
    evidence: str = ""
    word: str = ""
def distillation_of(name, metadata={}):
    if re.search(r"4SHyper|hyper_8step", name): return Distillation("Hyper-SD", 4 if "4S" in name else 8, "its name", "Hyper")
    if "Lightning" in name: return Distillation("SDXL-Lightning", None, "its name", "Lightning")
    return None
