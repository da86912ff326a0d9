"""Speech with known phoneme times from libespeak-ng, and the mouth shapes that go with it."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

import numpy as np

SAMPLE_RATE = 48000

# espeak-ng's English phoneme mnemonics -> (viseme target, strength). Longest key that starts the mnemonic wins.
VISEMES: dict[str, tuple[str, float]] = {
    "p": ("p_b_m_21", 1.0), "b": ("p_b_m_21", 1.0), "m": ("p_b_m_21", 1.0),
    "f": ("f_v_18", 1.0), "v": ("f_v_18", 1.0),
    "T": ("th_dh_17", 0.9), "D": ("th_dh_17", 0.8),
    "t": ("d_t_n_19", 0.8), "d": ("d_t_n_19", 0.8), "n": ("d_t_n_19", 0.8), "?": ("d_t_n_19", 0.3),
    "s": ("s_z_15", 0.9), "z": ("s_z_15", 0.9),
    "S": ("sh_ch_jh_zh_16", 1.0), "Z": ("sh_ch_jh_zh_16", 1.0), "tS": ("sh_ch_jh_zh_16", 1.0), "dZ": ("sh_ch_jh_zh_16", 1.0),
    "k": ("k_g_ng_20", 0.8), "g": ("k_g_ng_20", 0.8), "N": ("k_g_ng_20", 0.8), "h": ("h_12", 0.8),
    "l": ("l_14", 0.9), "r": ("r_13", 0.9), "w": ("w_uw_07", 0.9), "j": ("y_iy_ih_ix_06", 0.7),
    "a": ("aa_02", 0.95), "A": ("aa_02", 1.0), "0": ("ao_03", 0.9), "O": ("ao_03", 1.0),
    "E": ("ey_eh_uh_04", 0.95), "e": ("ey_eh_uh_04", 0.9), "3": ("er_05", 0.9), "@": ("aa_ah_ax_01", 0.55), "V": ("aa_ah_ax_01", 0.9),
    "I": ("y_iy_ih_ix_06", 0.8), "i": ("y_iy_ih_ix_06", 0.9), "u": ("w_uw_07", 1.0), "U": ("w_uw_07", 0.8),
    "aI": ("ay_11", 1.0), "aU": ("aw_09", 1.0), "oU": ("ow_08", 1.0), "@U": ("ow_08", 1.0), "eI": ("ey_eh_uh_04", 1.0), "OI": ("oy_10",
    1.0),
}  # fmt: skip

_RETRIEVE, _PHONEME_EVENTS = 1, 1
_EVENT_END, _EVENT_PHONEME = 0, 7
_UTF8 = 1


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int), ("identifier", ctypes.c_uint), ("text_position", ctypes.c_int), ("length", ctypes.c_int),
        ("audio_position_ms", ctypes.c_int), ("sample", ctypes.c_int), ("user_data", ctypes.c_void_p), ("string", ctypes.c_char * 8),
    ]  # fmt: skip


@dataclass(frozen=True)
class Phoneme:
    name: str  # espeak-ng mnemonic, stress marks removed; "_" is a pause
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Speech:
    samples: np.ndarray  # [N] float32 -1..1 at SAMPLE_RATE
    phonemes: list[Phoneme]

    @property
    def duration_s(self) -> float:
        return len(self.samples) / SAMPLE_RATE


_library: tuple[ctypes.CDLL, int] | None = None


def _espeak() -> tuple[ctypes.CDLL, int]:
    global _library
    if _library is None:
        library = ctypes.CDLL("libespeak-ng.so.1")
        rate = library.espeak_Initialize(_RETRIEVE, 0, None, _PHONEME_EVENTS)
        if rate <= 0:
            raise RuntimeError("espeak-ng does not start: is its data package installed?")
        _library = library, rate
    return _library


def speak(text: str, voice: str = "en-us", words_per_minute: int = 150, pitch: int = 50) -> Speech:
    """Synthesises `text`; phoneme times are exact, they come with the samples."""
    library, rate = _espeak()
    chunks: list[np.ndarray] = []
    marks: list[tuple[float, str]] = []

    @ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))
    def receive(samples, count, events):
        if samples and count > 0:
            chunks.append(np.ctypeslib.as_array(samples, (count,)).copy())
        index = 0
        while events[index].type != _EVENT_END:
            if events[index].type == _EVENT_PHONEME:
                marks.append((events[index].audio_position_ms / 1000, events[index].string.decode("utf-8", "replace")))
            index += 1
        return 0

    library.espeak_SetSynthCallback(receive)
    if library.espeak_SetVoiceByName(voice.encode()) != 0:
        raise ValueError(f"espeak-ng has no voice {voice}")
    library.espeak_SetParameter(1, words_per_minute, 0)
    library.espeak_SetParameter(3, pitch, 0)
    data = text.encode()
    library.espeak_Synth(data, len(data) + 1, 0, 1, 0, _UTF8, None, None)
    library.espeak_Synchronize()
    raw = np.concatenate(chunks).astype(np.float32) / 32768
    total = len(raw) / rate
    marks.append((total, "_"))
    phonemes = [Phoneme(_plain(name), start, end) for (start, name), (end, _) in zip(marks, marks[1:]) if end > start]
    return Speech(_resample(raw, rate), phonemes)


def _plain(name: str) -> str:
    return name.strip("',;=%|:#") or "_"


def _resample(samples: np.ndarray, rate: int) -> np.ndarray:
    """Band-limited by zero-padding the spectrum: the whole clip at once, it is short."""
    count = round(len(samples) * SAMPLE_RATE / rate)
    spectrum = np.fft.rfft(samples)
    padded = np.zeros(count // 2 + 1, complex)
    padded[: len(spectrum)] = spectrum[: len(padded)]
    return (np.fft.irfft(padded, count) * count / len(samples)).astype(np.float32)


def viseme_of(phoneme: str) -> tuple[str, float] | None:
    for length in range(len(phoneme), 0, -1):
        if phoneme[:length] in VISEMES:
            name, strength = VISEMES[phoneme[:length]]
            return f"visemes01/{name}", strength
    return None


def viseme_track(speech: Speech, times_s: np.ndarray, lead_s: float = 0.05, blend_s: float = 0.055) -> dict[str, np.ndarray]:
    """viseme target -> weight [T]. Mouth shapes lead the sound a little and melt into each other (coarticulation)."""
    track: dict[str, np.ndarray] = {}
    for phoneme in speech.phonemes:
        viseme = viseme_of(phoneme.name)
        if viseme is None:
            continue
        name, strength = viseme
        rise = _sigmoid((times_s - (phoneme.start_s - lead_s)) / blend_s * 4)
        fall = _sigmoid((times_s - (phoneme.end_s - lead_s * 0.4)) / blend_s * 4)
        short = np.clip((phoneme.end_s - phoneme.start_s) / 0.05, 0.45, 1.0)
        track[name] = np.maximum(track.get(name, 0.0), strength * short * (rise - fall))
    total = sum(track.values()) if track else np.zeros_like(times_s)
    return {name: weight / np.maximum(total, 1.0) for name, weight in track.items()}


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.clip(x, -40, 40)))
