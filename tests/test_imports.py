"""The direction of imports: realtime -> calibration -> engines; tools may use all; nobody imports tools.

Within engines, realtime and tools their rooms import each other in one direction too. Imports for types alone
count like others.
"""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("engines", "calibration", "realtime", "tools", "run_live", "tests")

MAY_IMPORT = {
    "engines": {"engines"},
    "calibration": {"calibration", "engines"},
    "realtime": {"realtime", "calibration", "engines"},
    "tools": {"tools", "realtime", "calibration", "engines", "run_live"},
    "run_live": {"realtime", "calibration", "engines"},
    "tests": set(ROOMS),
}

# Which rooms of its own folder each room may import, besides itself: only some that stand above it. A room is
# a folder; "" is what lies in none.
ENGINES: dict[str, set[str]] = {
    "runtime": set(),
    "": {"runtime"},
    "plans": {"runtime"},
    "backends": {"runtime", "plans"},
    "pose": {"runtime", "backends"},
    "pose.tracking": {"", "pose"},
    "doll": {"", "runtime"},
    "painting": {""},
    "pack": {"", "runtime", "plans", "doll", "painting"},
    "rendering": {"", "runtime", "backends", "doll", "painting", "pack"},
    "build": {"runtime", "plans", "backends", "pose", "painting", "pack", "rendering"},
}
REALTIME: dict[str, set[str]] = {
    "config": set(),
    "pictures": {"config"},
    "inputs": {"config", "pictures"},
    "cameras": {"config", "pictures", "inputs"},
    "transport": {"config"},
    "layers": {"config", "pictures", "transport"},
    "stages": {"config", "transport"},
    "link": {"stages", "transport"},
    "performer": {"config", "pictures", "cameras", "transport", "stages", "link"},
    "outputs": {"config", "pictures", "inputs", "transport", "stages"},
    "outputs.webrtc": {"config", "transport", "stages", "outputs"},
    "programme.timing": {"transport"},
    "programme": {"config", "pictures", "transport", "layers", "stages", "link", "programme.timing"},
    "control": {"config", "inputs", "transport"},
    "control.terminal": set(),
    "control.tempo": {"config", "transport", "stages", "control"},
    "control.surfaces": {"config", "transport", "control"},
    "control.network": {"config", "transport", "stages", "control", "control.surfaces"},
    "supervise": {
        "config",
        "pictures",
        "inputs",
        "transport",
        "outputs",
        "stages",
        "link",
        "control",
        "control.terminal",
    },
}
QUALITY, MEASURING, GPU_CHECK = (f"benchmarking.{room}" for room in ("quality", "measuring", "gpu_check"))
TOOLS: dict[str, set[str]] = {
    "footage": set(),
    "scores": set(),
    "alignment": set(),
    "matting": {"footage"},
    "dance": {"footage"},
    "coverage": {"footage"},
    "record": {"footage", "coverage"},
    "prepare.files": {"footage"},
    "prepare.scene": {"footage", "alignment", "prepare.files"},
    "prepare": {"footage", "alignment", "matting", "dance", "prepare.files", "prepare.scene"},
    "player": {"footage", "matting"},
    "train": {"footage", "scores", "player"},
    "evaluate": {"footage", "scores", "dance", "train"},
    "synthesize": {"footage", "dance"},
    "benchmarking": {"footage"},
    QUALITY: {"footage", "scores", "dance", "player", "train", "evaluate"},
    MEASURING: {QUALITY},
    GPU_CHECK: {"footage", "player", "train", QUALITY, MEASURING},
    "benchmarking.show": {"footage", "scores", QUALITY, MEASURING, GPU_CHECK},
    "card": set(),
    "doctor": set(),
    "camera": {"record", "doctor"},
    "reliability.trial_show": set(),
    "reliability.malformed": {"reliability.trial_show"},
    "reliability": {"reliability.trial_show", "reliability.malformed"},
    "replay": set(),
    "": {
        "footage",
        "scores",
        "player",
        QUALITY,
        GPU_CHECK,
        "benchmarking.show",
        "reliability",
        "reliability.trial_show",
    },
}
FOLDERS = {"engines": ENGINES, "realtime": REALTIME, "tools": TOOLS}

# Packages that a machine may lack, and the modules that may need them as soon as they are imported.
OPTIONAL = {
    "aalink": set(),
    "c2pa": set(),
    "cyndilib": set(),
    "mediapipe": set(),
    "mido": set(),
    "nncf": set(),
    "pygame": set(),
    "pyvirtualcam": set(),
    "rtmidi": set(),
    "openvino": {"engines/backends/openvino.py", "engines/backends/openvino_models.py"},
    "tensorrt": set(),
    "tensorrt_rtx": set(),
    "torch_tensorrt": set(),
}


def modules() -> list[Path]:
    found = [ROOT / "run_live.py"] if (ROOT / "run_live.py").exists() else []
    return found + sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))


def imported(path: Path, tree: ast.AST) -> Iterator[str]:
    """Full names of the modules imported anywhere below `tree`."""
    package = path.relative_to(ROOT).parent.parts
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) + 1 - node.level] if node.level else ()
            yield ".".join([*base, *([node.module] if node.module else [])])


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imported_modules(path: Path, tree: ast.AST, known: set[str]) -> set[str]:
    """Those of the `known` modules that are imported anywhere below `tree`."""
    found = set()
    for node in ast.walk(tree):
        for name in imported(path, node) if isinstance(node, ast.Import | ast.ImportFrom) else ():
            names = [alias.name for alias in node.names] if isinstance(node, ast.ImportFrom) else []
            inner = {f"{name}.{each}" for each in names} & known
            # `from package import module` needs nothing else of the package.
            found |= inner if names and len(inner) == len(names) else inner | {name} & known
    return found


def room_of(module: str) -> str:
    """The room of a module within its folder; "" where it is in none."""
    folder, _, within = module.partition(".")
    return max((room for room in FOLDERS[folder] if f"{within}.".startswith(f"{room}.")), key=len, default="")


def at_import(statements: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that run when the module is imported: all but function bodies and TYPE_CHECKING."""
    for statement in statements:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(statement, ast.If) and "TYPE_CHECKING" in ast.unparse(statement.test):
            yield from at_import(statement.orelse)
            continue
        blocks = [getattr(statement, name, []) for name in ("body", "orelse", "finalbody")]
        blocks += [handler.body for handler in getattr(statement, "handlers", [])]
        if any(blocks):
            for block in blocks:
                yield from at_import(block)
        else:
            yield statement


@pytest.fixture(scope="module")
def trees() -> dict[Path, ast.Module]:
    found = {path: ast.parse(path.read_text(encoding="utf-8"), path) for path in modules()}
    assert len(found) > 10
    return found


def test_imports_go_one_way(trees: dict[Path, ast.Module]) -> None:
    wrong = []
    for path, tree in trees.items():
        room = path.relative_to(ROOT).parts[0].removesuffix(".py")
        for name in imported(path, tree):
            target = name.split(".")[0]
            if target in ROOMS and target not in MAY_IMPORT[room]:
                wrong.append(f"{path.relative_to(ROOT)} imports {name}")
    assert not wrong


def test_optional_packages_are_imported_where_they_are_used(trees: dict[Path, ast.Module]) -> None:
    wrong = [
        f"{module}:{statement.lineno} imports {name} at module level"
        for path, tree in trees.items()
        if not (module := path.relative_to(ROOT).as_posix()).startswith("tests/")
        for statement in at_import(tree.body)
        for name in imported(path, statement)
        if module not in OPTIONAL.get(name.split(".")[0], {module})
    ]
    assert not wrong


@pytest.fixture(scope="module")
def imports(trees: dict[Path, ast.Module]) -> dict[str, set[str]]:
    """Module → those of ours that it imports."""
    known = {module_of(path) for path in trees}
    return {module_of(path): imported_modules(path, tree, known) for path, tree in trees.items()}


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_room_may_import_only_rooms_above_it(folder: str) -> None:
    above: set[str] = set()
    for room, may_import in FOLDERS[folder].items():
        assert may_import <= above, room
        above.add(room)


@pytest.mark.parametrize("folder", FOLDERS)
def test_rooms_import_what_they_may(folder: str, imports: dict[str, set[str]]) -> None:
    rooms = FOLDERS[folder]
    ours = {module: targets for module, targets in imports.items() if module.startswith(f"{folder}.")}
    assert not [module for module in ours if room_of(module) not in rooms], "each module is in a room"
    wrong = [
        f"{module} imports {target}"
        for module, targets in ours.items()
        for target in targets & ours.keys()
        if room_of(target) not in {room_of(module), *rooms[room_of(module)]}
    ]
    assert not wrong


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_folder_of_modules_is_a_room(folder: str, imports: dict[str, set[str]]) -> None:
    holding = {module.rpartition(".")[0] for module in imports if module.startswith(f"{folder}.")}
    assert {name.partition(".")[2] for name in holding} | {""} == set(FOLDERS[folder]) | {""}


def test_tests_mirror_the_folders() -> None:
    tests = ROOT / "tests"
    folders = {path.parent.relative_to(tests) for path in tests.rglob("test_*.py")}
    assert not [folder for folder in folders if not (ROOT / folder).is_dir()]


def test_performer_and_programme_share_what_is_above_both() -> None:
    assert "programme" not in REALTIME["performer"] and "performer" not in REALTIME["programme"]


def test_no_modules_import_each_other_in_a_circle(imports: dict[str, set[str]]) -> None:
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_room_can_be_taken_in_at_a_glance(folder: str, imports: dict[str, set[str]]) -> None:
    for room in FOLDERS[folder]:
        package = f"{folder}.{room}".rstrip(".")
        files = [
            module
            for module in imports
            if module.startswith(f"{folder}.") and room_of(module) == room and module != package
        ]
        assert 4 <= len(files) <= 15, room
