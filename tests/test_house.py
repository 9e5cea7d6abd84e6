"""Rules that hold for every file of the package and of the repository."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import facecurate

PACKAGE = Path(facecurate.__file__).parent
ROOT = Path(__file__).resolve().parents[1]
FILES = {
    str(file.relative_to(PACKAGE)): ast.parse(file.read_text())
    for file in sorted(PACKAGE.rglob("*.py"))
}


def called(node):
    """The dotted name of what a call calls: ``np.load``, ``open``; its end alone if it is long."""
    parts, function = [], node.func
    while isinstance(function, ast.Attribute):
        parts.append(function.attr)
        function = function.value
    parts.append(function.id if isinstance(function, ast.Name) else "?")
    return ".".join(reversed(parts))


def calls(*, outside=()):
    """(where, name, call) of every call in the package but for some files."""
    for file, tree in FILES.items():
        if file not in outside:
            for node in ast.walk(tree):
                if isinstance(node, ast.Call):
                    yield f"{file}:{node.lineno}", called(node), node


def keyword(call, name):
    return next((ast.unparse(k.value) for k in call.keywords if k.arg == name), None)


def first(call):
    return ast.unparse(call.args[0]) if call.args else ""


def imported(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module or ""


# -- files are opened in one place -------------------------------------------------------------

OPENERS = {
    "open", "io.open", "os.open", "os.fdopen", "codecs.open", "gzip.open", "bz2.open", "lzma.open",
    "mmap.mmap", "np.fromfile", "np.memmap", "np.loadtxt", "np.savetxt", "np.genfromtxt",
    "cv2.imread", "cv2.imwrite", "cv2.VideoCapture", "pd.read_csv",
    "json.load_file", "safe_open", "load_file", "save_file", "torch.jit.load", "sqlite3.connect",
    "shutil.copy", "shutil.copyfile", "shutil.move", "shutil.rmtree", "tempfile.mkstemp",
    "tempfile.NamedTemporaryFile", "os.replace", "os.rename", "os.unlink", "os.remove",
}  # fmt: skip
METHODS = {"read_text", "read_bytes", "write_text", "write_bytes", "tofile", "savefig", "unlink"}
IN_MEMORY = {
    "file",
    "sink",
    "buffer",
    "stream",
    "packed",
}  # names that only ever hold files already open


def test_files_are_opened_in_storage_alone():
    found = [
        f"{where} {name}({first(call)})"
        for where, name, call in calls(outside=["storage.py"])
        if name in OPENERS or name.rsplit(".", 1)[-1] in METHODS
        if not (where.startswith("cli/") and name == "os.open" and first(call) == "os.devnull")
        # FFmpeg wants a path: remote files are copied through storage first.
        if not (where.startswith("videos.py") and name == "cv2.VideoCapture")
        if not (where.startswith("flickr/") and name == "sqlite3.connect")  # locks need a real file
    ]
    assert found == []


@pytest.mark.parametrize(
    "names",
    [("np.load", "numpy.load"), ("np.save", "np.savez", "np.savez_compressed", "numpy.save"),
     ("torch.load",), ("torch.save",), ("Image.open",), ("av.open",), ("h5py.File",),
     ("pq.read_table", "pq.write_table", "pq.ParquetFile"),
     ("tarfile.open", "tarfile.TarFile")],
    ids="-".join,
)  # fmt: skip
def test_libraries_get_open_files_and_no_paths(names):
    position = {"pq.write_table": 1, "torch.save": 1}
    found = []
    for where, name, call in calls():
        if name in names:
            arguments = list(map(ast.unparse, call.args[position.get(name, 0) :]))
            file = keyword(call, "fileobj") or (arguments or [""])[0]
            made_here = re.match(r"(io\.BytesIO|storage\.buffer|pa\.BufferReader)\(", file)
            if not made_here and file not in IN_MEMORY:
                found.append(f"{where} {name}({file})")
    assert found == []


def test_nothing_that_is_loaded_can_run_code():
    for where, name, call in calls():
        if name == "torch.load":
            assert keyword(call, "weights_only") == "True", where
        if name in ("np.load", "numpy.load"):
            assert keyword(call, "allow_pickle") == "False", where
        assert name not in ("eval", "exec", "compile", "os.system", "__import__"), where
        assert not name.endswith((".extractall", ".extract", ".unsafe_load")), where
        assert not name.startswith(("pickle.", "marshal.", "shelve.", "dill.", "joblib.")), where
    for file, tree in FILES.items():
        assert not {"marshal", "shelve", "dill", "joblib"} & set(imported(tree)), file


# -- who speaks, and who is spoken to ------------------------------------------------------------


def test_the_library_prints_nothing():
    speaks = ("print", "sys.stdout.write", "sys.stderr.write", "traceback.print_exc", "click.echo")
    assert [
        f"{where} {name}"
        for where, name, _ in calls()
        if name == "print" or (name in speaks and not where.startswith("cli/"))
    ] == []


def test_click_is_imported_by_the_command_line_alone():
    users = {
        f for f, tree in FILES.items() if any(m.split(".")[0] == "click" for m in imported(tree))
    }
    assert users and all(user.startswith("cli/") for user in users)


def test_processes_are_spawned_never_forked():
    for where, name, call in calls():
        assert name not in ("os.fork", "ProcessPoolExecutor", "multiprocessing.Pool"), where
        assert name not in ("multiprocessing.Process", "mp.Process"), where
        if name.endswith("get_context"):
            assert first(call) == "'spawn'", where
        if name.endswith("DataLoader") and keyword(call, "num_workers") not in (None, "0"):
            assert keyword(call, "multiprocessing_context") == "'spawn'", where


# -- what is loaded when -------------------------------------------------------------------------

HEAVY = [
    "torch", "torchvision", "cv2", "pyarrow", "numpy", "PIL", "numba", "faiss", "matplotlib",
    "dlib", "jinja2", "requests", "imagehash", "scipy", "pandas", "webdataset", "fsspec",
]  # fmt: skip

HELP = """
import sys
from facecurate.cli import cli, run
for words in ([], *([name] for name in cli.commands)):
    assert run([*words, "--help"]) == 0, words
print("LOADED", *sorted(set(sys.modules) & set(sys.argv[1:])))
"""


def test_help_loads_nothing_heavy():
    command = [sys.executable, "-c", HELP, *HEAVY]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    run = subprocess.run(command, capture_output=True, text=True, env=env, timeout=60)
    assert run.returncode == 0, run.stderr
    assert "Usage: facecurate" in run.stdout
    assert run.stdout.splitlines()[-1].split() == ["LOADED"]


@pytest.mark.parametrize("name", [f for f in FILES if "/" not in f and not f.startswith("__")])
def test_a_module_does_no_work_at_import(name):
    """Only definitions, constants and guarded imports stand at the top level."""
    allowed = (
        ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign,
        ast.If, ast.Expr,
    )  # fmt: skip
    for node in FILES[name].body:
        assert isinstance(node, allowed), f"{name}:{node.lineno}"
        if isinstance(node, ast.Expr):
            assert isinstance(node.value, ast.Constant), f"{name}:{node.lineno}"
        if isinstance(node, ast.If):
            assert ast.unparse(node.test) == "TYPE_CHECKING", f"{name}:{node.lineno}"


# -- what stands in the repository ---------------------------------------------------------------


def texts():
    """Every text file that belongs to the repository."""
    run = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True
    )
    if run.returncode:
        pytest.skip("no git checkout: which files belong to the repository is not known")
    for name in run.stdout.splitlines():
        try:
            yield name, (ROOT / name).read_text()
        except (UnicodeDecodeError, FileNotFoundError, IsADirectoryError):
            continue


# In pieces, so that this file keeps its own rules.
MACHINE = re.compile(
    r"(?<![\w.~:/-])/" + "(?:work|root|tmp|home|Users|mnt|private|scratch)/[A-Za-z0-9]"
)
INDEX = re.compile(
    r"py" + r"pi\.(?:org|python)|python" + r"hosted\.org|ana" + r"conda\.(?:org|com)"
)


@pytest.mark.parametrize("rule", [MACHINE, INDEX], ids=["path", "index"])
def test_no_file_names_a_place_of_one_machine(rule):
    found = [
        f"{name}:{number}: {line.strip()[:80]}"
        for name, text in texts()
        for number, line in enumerate(text.splitlines(), 1)
        if rule.search(line)
    ]
    assert found == []


def test_the_rules_notice_what_they_forbid():
    assert MACHINE.search('"/' + 'tmp/x"') and not MACHINE.search("https://a.b/" + "home/x")
    assert INDEX.search("https://py" + "pi.org/simple")
    tree = ast.parse("np.load(path)\nopen('x')\na().b.read_text()")
    names = [called(node) for node in ast.walk(tree) if isinstance(node, ast.Call)]
    assert {"np.load", "open", "?.b.read_text"} <= set(names)
