from dataclasses import dataclass
LEAST_SHARE = 0.9
@dataclass(frozen=True)
class Fit:
    layers: int
    placed: int
    @property
    def share(self): return self.placed / self.layers
