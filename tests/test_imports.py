"""The direction of imports: realtime -> calibration -> engines; tools may use all; nobody imports tools."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("engines", "calibration", "realtime", "tools", "run_live", "tests")

MAY_IMPORT = {
    "engines": {"engines"},
    "calibration": {"calibration", "engines"},
    "realtime": {"realtime", "calibration", "engines"},
    "tools": {"tools", "realtime", "calibration", "engines"},
    "run_live": {"realtime", "calibration", "engines"},
    "tests": set(ROOMS),
}

# Packages that a machine may lack, and the modules that may need them as soon as they are imported.
OPTIONAL = {
    "cyndilib": set(),
    "mediapipe": set(),
    "nncf": set(),
    "pygame": set(),
    "pyvirtualcam": set(),
    "openvino": {"engines/runtime/openvino.py", "engines/runtime/openvino_models.py"},
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
