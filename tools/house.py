"""What `make house` prints: our longest files and functions, and every import cycle.

Sizes are a compass, cycles are a fault: exit code 1 where one is found, also when it is hidden
inside a function or under TYPE_CHECKING. Reads the source as text and imports nothing of it, so it
needs only the standard library.

    python tools/house.py [SOURCE_FOLDER]
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

LONGEST = 10


@dataclass(frozen=True, slots=True)
class Module:
    """One source file, parsed."""

    name: str
    """Dotted; a package has the name of its folder."""
    path: Path
    tree: ast.Module
    lines: int

    @property
    def package(self) -> str:
        """Where its relative imports start."""
        return self.name if self.path.name == "__init__.py" else self.name.rpartition(".")[0]


@dataclass(frozen=True, slots=True)
class Function:
    """One function and the lines it covers, decorators not counted."""

    name: str
    lines: int


def read(source: Path) -> dict[str, Module]:
    """Every module under `source` (the folder that holds the packages), by dotted name.

    Raises:
        SyntaxError: a file that Python cannot parse.
    """
    modules: dict[str, Module] = {}
    for path in sorted(source.rglob("*.py")):
        parts = path.relative_to(source).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        text = path.read_text(encoding="utf-8")
        modules[name] = Module(name, path, ast.parse(text, str(path)), len(text.splitlines()))
    return modules


def functions(module: Module) -> Iterator[Function]:
    """Every function and method of a module, nested ones too."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield Function(
                f"{module.name}.{node.name}:{node.lineno}", (node.end_lineno or node.lineno) - node.lineno + 1
            )


def imports(module: Module, *, known: Mapping[str, Module]) -> set[str]:
    """Which of the known modules it names in an import, at any depth of its code.

    That a submodule also runs the packages above it is not counted: it is no line of its own.
    """
    found: set[str] = set()
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            start = base(module, node)
            members = {f"{start}.{alias.name}" for alias in node.names}
            submodules = members & known.keys()
            found |= submodules
            if submodules != members:
                found.add(start)
    return (found & known.keys()) - {module.name}


def base(module: Module, node: ast.ImportFrom) -> str:
    """The absolute name after `from`."""
    if not node.level:
        return node.module or ""
    parts = module.package.split(".")
    above = parts[: len(parts) - node.level + 1]
    return ".".join([*above, node.module] if node.module else above)


def cycles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """The strongly connected groups of more than one module (Tarjan 1972), sorted."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        order[node] = low[node] = len(order)
        stack.append(node)
        for target in sorted(graph[node]):
            if target not in order:
                visit(target)
                low[node] = min(low[node], low[target])
            elif target in stack:
                low[node] = min(low[node], order[target])
        if low[node] == order[node]:
            group = stack[stack.index(node) :]
            del stack[stack.index(node) :]
            if len(group) > 1:
                found.append(sorted(group))

    for node in sorted(graph):
        if node not in order:
            visit(node)
    return sorted(found)


def graph_of(modules: Mapping[str, Module]) -> dict[str, set[str]]:
    """Module name -> names it imports, among these modules."""
    return {name: imports(module, known=modules) for name, module in modules.items()}


def main(arguments: list[str]) -> int:
    """Print the lists; 1 where there is a cycle, 2 where there is nothing to read."""
    source = Path(arguments[0]) if arguments else Path(__file__).resolve().parent.parent / "src"
    modules = read(source)
    if not modules:
        print(f"house: no Python file under {source}", file=sys.stderr)
        return 2
    every = [function for module in modules.values() for function in functions(module)]
    print(f"{len(modules)} files, {sum(m.lines for m in modules.values()):,} lines, {len(every)} functions")
    print("\nlongest files")
    for module in sorted(modules.values(), key=lambda m: (-m.lines, m.name))[:LONGEST]:
        print(f"{module.lines:6,}  {module.path.relative_to(source)}")
    print("\nlongest functions")
    for function in sorted(every, key=lambda f: (-f.lines, f.name))[:LONGEST]:
        print(f"{function.lines:6,}  {function.name}")
    found = cycles(graph_of(modules))
    print(f"\nimport cycles: {len(found) or 'none'}")
    for group in found:
        print("        " + " <-> ".join(group))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
