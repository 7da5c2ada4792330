"""LightGBM's shared library for scoring, called directly.

Importing LightGBM's Python package imports pandas and scikit-learn where they are installed: 2 s and 100 MB that a
worker which scores one lead at a time does not need. The functions used here are LightGBM's public C API
(https://lightgbm.readthedocs.io/en/stable/C-API.html).
"""

from __future__ import annotations

import ctypes
import importlib.util
import platform
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from workers.lead_routing.scoring.errors import ArtifactError

_FLOAT64 = 1
_CONTRIBUTIONS = 3
_PARAMETERS = b"num_threads=1 verbosity=-1"


@lru_cache(maxsize=1)
def _library() -> ctypes.CDLL:
    """Load LightGBM's shared library once, without importing its Python package.

    Raises:
        ArtifactError: if LightGBM is not installed.
    """
    spec = importlib.util.find_spec("lightgbm")
    if spec is None or not spec.submodule_search_locations:
        raise ArtifactError("scoring needs LightGBM; install Fairlead with its extra 'scoring'")
    suffix = {"Darwin": "dylib", "Windows": "dll"}.get(platform.system(), "so")
    folder = Path(spec.submodule_search_locations[0])
    for below in ("lib", "bin"):
        path = folder / below / f"lib_lightgbm.{suffix}"
        if path.is_file():
            library = ctypes.CDLL(str(path))
            library.LGBM_GetLastError.restype = ctypes.c_char_p
            return library
    raise ArtifactError(f"LightGBM's library lib_lightgbm.{suffix} is missing; reinstall the package lightgbm")


def _call(name: str, *arguments: object) -> None:
    library = _library()
    if getattr(library, name)(*arguments) != 0:
        reason = library.LGBM_GetLastError().decode(errors="replace")
        raise ArtifactError(f"LightGBM cannot use the stored model ({name}: {reason}); train it again")


class Booster:
    """One trained LightGBM model of log-odds, read from its text form.

    Args:
        text: what `lightgbm.Booster.model_to_string` gave. Parsing it runs no code of the text's author.
        width: number of features the model must have.

    Raises:
        ArtifactError: if LightGBM cannot read it or it has another number of features.
    """

    def __init__(self, text: str, width: int) -> None:
        self._handle = ctypes.c_void_p()
        self._fast = ctypes.c_void_p()
        iterations = ctypes.c_int()
        _call("LGBM_BoosterLoadModelFromString", text.encode(), ctypes.byref(iterations), ctypes.byref(self._handle))
        features = ctypes.c_int()
        _call("LGBM_BoosterGetNumFeature", self._handle, ctypes.byref(features))
        if features.value != width:
            raise ArtifactError(f"the stored model has {features.value} features, its schema {width}; train it again")
        self._width = width
        _call(
            "LGBM_BoosterPredictForMatSingleRowFastInit",
            self._handle,
            ctypes.c_int(_CONTRIBUTIONS),
            ctypes.c_int(0),
            ctypes.c_int(0),
            ctypes.c_int(_FLOAT64),
            ctypes.c_int32(width),
            _PARAMETERS,
            ctypes.byref(self._fast),
        )

    def contributions(self, row: Sequence[float]) -> list[float]:
        """TreeSHAP values of one row in log-odds: one for each feature, then the average over the training rows.

        Their sum is the model's log-odds (Lundberg et al. 2018, arXiv:1802.03888). NaN means missing.
        """
        data = (ctypes.c_double * self._width)(*row)
        result = (ctypes.c_double * (self._width + 1))()
        length = ctypes.c_int64()
        _call("LGBM_BoosterPredictForMatSingleRowFast", self._fast, data, ctypes.byref(length), result)
        return list(result)

    def __del__(self) -> None:
        # Reached too when __init__ failed half-way, hence the looks at what there is to free.
        if getattr(self, "_fast", None):
            _library().LGBM_FastConfigFree(self._fast)
        if getattr(self, "_handle", None):
            _library().LGBM_BoosterFree(self._handle)
