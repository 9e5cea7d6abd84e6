"""Datasets that people hold: what is known about them, and what reads and writes their files."""

DATASETS: dict[str, str] = {
    "300w": "facecurate.datasets.ibug300w:IBUG300W",
    "300w-lp": "facecurate.datasets.w300lp:W300LP",
    "affectnet": "facecurate.datasets.affectnet:AFFECTNET",
    "aflw2000": "facecurate.datasets.aflw2000:AFLW2000",
    "disfa": "facecurate.datasets.disfa:DISFA",
    "ijb-b": "facecurate.datasets.ijb:IJB_B",
    "ijb-c": "facecurate.datasets.ijb:IJB_C",
    "lfw": "facecurate.datasets.lfw:LFW",
    "vggface2": "facecurate.datasets.vggface2:VGGFACE2",
}
