"""Finds in the adapter's source what it takes from the host, as paths (see ``table``)."""

import ast
from dataclasses import dataclass, field
from pathlib import Path

from .table import COMPUTED, DOORS, KEYWORDS, MODULES, OURS, OWN, REQUESTS, SAME, VARIABLES

LIBRARY = Path(__file__).parent.parent.parent / "lib_hypersd"
# The adapter, and the pure files that get something of the host passed in.
PATHS = [
    *sorted((LIBRARY / "webui").glob("*.py")),
    *sorted((LIBRARY / "panel").glob("*.py")),
    LIBRARY / "sampling" / "schedules.py",
]
FILES = {f"{path.parent.name}/{path.name}": path for path in PATHS}
FILES |= {"scripts/hypersd.py": LIBRARY.parent / "scripts" / "hypersd.py"}
OF_CONTAINERS = {name for kind in (dict, list) for name in dir(kind) if not name.startswith("__")} | {
    "lower",
    "splitlines",
}


@dataclass
class Use:
    """Where a name is taken as it is, and where it is asked for, by file; what is computed is neither."""

    where: str
    taken: dict[str, str] = field(default_factory=dict)
    optional: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Call:
    """So many arguments are given to the host's function ``name``; with ``more``, others follow that do not show.

    ``tried``: where it does not take them, the adapter does something else.
    """

    name: str
    where: str
    positional: int
    keywords: tuple[str, ...]
    more: bool
    tried: bool


@dataclass(frozen=True)
class StandIn:
    """A function of ours with this signature, which the host calls where it had its own."""

    name: str
    where: str
    signature: str


@dataclass
class Found:
    """``uses`` by their names."""

    uses: dict[str, Use] = field(default_factory=dict)
    calls: set[Call] = field(default_factory=set)
    stand_ins: set[StandIn] = field(default_factory=set)

    @property
    def called(self) -> set[str]:
        """The names whose signatures count."""
        return {one.name for one in self.calls | self.stand_ins}


def meant(path: str) -> list[str]:
    """The names that a path stands for: those of ``p`` for both kinds of request."""
    return [kind + path[1:] for kind in REQUESTS] if path.startswith("p.") else [path]


def walk() -> Found:
    """All that the adapter's files take."""
    found = Found()
    for name, file in FILES.items():
        Walk(name, found).visit(ast.parse(file.read_text("utf-8")))
    return found


class Walk(ast.NodeVisitor):
    """Through one file. ``names`` is what each name stands for at that place: a path, or None for what is not the host's."""

    def __init__(self, file: str, found: Found):
        self.file, self.found = file, found
        self.names: dict[str, str | None] = {}
        self.functions: dict[str, ast.FunctionDef] = {}
        self.literals: dict[str, list] = {}
        self.instance: str | None = None
        self.caught: set[str] = set()

    # What stands for what.

    def path(self, node) -> str | None:
        """What the expression is of the host, if it is anything of it."""
        written = self.written(node)
        return SAME.get(written, written)

    def written(self, node) -> str | None:
        """The same, by the way that is written here and not by that of ``table.SAME``."""
        match node:
            case ast.Name(id=name):
                return self.names[name] if name in self.names else self.declared(name)
            case ast.Attribute(value=of, attr=name) if name not in OF_CONTAINERS:
                return self.below(of, name)
            case ast.Subscript(value=of, slice=ast.Constant(value=str(key))):
                return self.below(of, key, '{}["{}"]')
            case ast.Subscript(value=of):
                return self.below(of, "", "{}[{}]")
            case ast.Call(func=ast.Name(id="getattr" | "hasattr" | "setattr"), args=[of, ast.Constant(value=name), *_]):
                return self.below(of, name)
            case ast.Call(func=ast.Attribute(value=of, attr="get"), args=[ast.Constant(value=str(key)), *_]):
                if ast.unparse(of) == "sys.modules":
                    return next((word for word, module in MODULES.items() if module == key), None)
                return self.below(of, key, '{}["{}"]')
            case ast.Call(func=ast.Attribute(attr="unwrap"), args=[function]):
                return self.path(function)
            case ast.Call(func=ast.Name(id=door), args=[ast.Constant(value=name), *_]) if door in DOORS:
                return f"{DOORS[door]}.{name}" if OURS not in name else None
            case ast.Call(func=ast.Name(id="super")):
                return self.instance
            case ast.Call(func=function):
                result = f"{self.path(function) or ast.unparse(function)}()"
                return result if result in SAME else self.declared(result)
        return None

    def below(self, node, name: str, form: str = "{}.{}") -> str | None:
        path = self.path(node)
        return form.format(path, name) if path and OURS not in name else None

    def declared(self, name: str) -> str | None:
        return VARIABLES.get(f"{self.file}: {name}", VARIABLES.get(name))

    def bind(self, target, path: str | None = None) -> None:
        """Let the names of a target stand for ``path``, or else for what is declared of them."""
        match target:
            case ast.Name(id=name):
                self.names[name] = SAME.get(path, path) if path else self.declared(name)
            case ast.Tuple(elts=parts):
                for part in parts:
                    self.bind(part)

    # What is taken.

    def use(self, path: str | None, node, optional=False, taken=True) -> None:
        if path is None or path in OWN or path.endswith("[]"):
            return
        for name in meant(path):
            use = self.found.uses.setdefault(name, Use(self.place(node)))
            if optional or taken:
                (use.optional if optional else use.taken).setdefault(self.file, self.place(node))

    def place(self, node) -> str:
        return f"{self.file}:{node.lineno}"

    def stand_in(self, path: str | None, function: ast.FunctionDef) -> None:
        if path and not path.endswith("__"):  # only we ourselves call those
            arguments = ast.parse(f"def f({ast.unparse(function.args)}): 0").body[0].args
            for one in ast.walk(arguments):
                if isinstance(one, ast.arg):
                    one.annotation = None
            arguments.defaults = [ast.Constant(...) for _ in arguments.defaults]
            arguments.kw_defaults = [default and ast.Constant(...) for default in arguments.kw_defaults]
            for name in meant(path):
                self.found.stand_ins.add(StandIn(name, self.place(function), f"({ast.unparse(arguments)})"))

    def visit_Import(self, node):
        for alias in node.names:
            word = alias.name.split(".")[0]
            self.names[word] = word if word in MODULES else None

    def visit_ImportFrom(self, node):
        theirs = node.module if not node.level and node.module.split(".")[0] in MODULES else None
        if theirs != "modules":
            self.use(theirs, node, optional="ImportError" in self.caught)
        for alias in node.names:
            self.names[alias.asname or alias.name] = theirs and f"{theirs}.{alias.name}"
            self.use(theirs and f"{theirs}.{alias.name}", node, optional="ImportError" in self.caught)

    def visit_Try(self, node):
        self.caught = {ast.unparse(handler.type) for handler in node.handlers if handler.type}
        for one in node.body:
            self.visit(one)
        self.caught = set()
        for one in (*node.handlers, *node.orelse, *node.finalbody):
            self.visit(one)

    def visit_Attribute(self, node):
        self.use(self.written(node), node)
        self.generic_visit(node)

    visit_Subscript = visit_Attribute

    def visit_Call(self, node):
        function = ast.unparse(node.func)
        if function in ("getattr", "hasattr", "setattr"):
            if isinstance(node.args[1], ast.Constant):
                optional = function == "hasattr" or (function == "getattr" and len(node.args) > 2)
                self.use(self.written(node), node, optional)
            elif path := self.path(node.args[0]):
                self.computed(path, node)
        elif function in DOORS:
            if isinstance(node.args[0], ast.Constant):
                self.use(self.written(node), node, optional=True)
            else:
                self.computed(DOORS[function], node)
        elif function.endswith(".get"):
            self.use(self.written(node), node, optional=True)
        elif function in KEYWORDS:
            for one in node.keywords:
                self.use(f"{KEYWORDS[function]}.{one.arg}", node)
        elif path := self.path(node.func):
            self.call(path, node)
        self.generic_visit(node)

    def computed(self, path: str, node: ast.Call) -> None:
        """The names that are declared where one is computed."""
        for name in COMPUTED[f"{self.file}: {path}"]:
            for one in self.literals.get(name, [name]):
                self.use(f"{path}.{one}", node, taken=False)

    def call(self, path: str, node: ast.Call) -> None:
        positional = [one for one in node.args if not isinstance(one, ast.Starred)]
        keywords, more = [one.arg for one in node.keywords if one.arg], len(positional) < len(node.args)
        for one in node.keywords:
            if one.arg is None:  # a dict of keywords: a constant of this file, or not to be seen
                keywords += self.literals.get(ast.unparse(one.value), [])
                more |= ast.unparse(one.value) not in self.literals
        for name in meant(path):
            call = Call(name, self.place(node), len(positional), tuple(keywords), more, "TypeError" in self.caught)
            self.found.calls.add(call)

    # What is bound where.

    def visit_Assign(self, node):
        self.generic_visit(node)
        for target in node.targets:
            if ast.unparse(node.value) != "None":  # what a module is called where it is not there
                self.bind(target, self.path(node.value))
            if isinstance(target, ast.Attribute) and ast.unparse(node.value) in self.functions:
                self.stand_in(self.written(target), self.functions[ast.unparse(node.value)])

    def visit_AnnAssign(self, node):
        if node.value:
            self.visit_Assign(ast.copy_location(ast.Assign([node.target], node.value), node))

    def visit_For(self, node):
        self.bind(node.target, self.below(node.iter, "", "{}[{}]"))
        self.generic_visit(node)

    def visit_GeneratorExp(self, node):
        for one in node.generators:
            self.bind(one.target, self.below(one.iter, "", "{}[{}]"))
        self.generic_visit(node)

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp

    def visit_Module(self, node):
        for one in node.body:
            match one:
                case ast.Assign(targets=[ast.Name(id=name)], value=ast.Dict(keys=parts) | ast.Tuple(elts=parts)):
                    self.literals[name] = [part.value for part in parts if isinstance(part, ast.Constant)]
        self.generic_visit(node)

    def visit_ClassDef(self, node):
        base = next((path for path in map(self.path, node.bases) if path), None)
        self.instance = base and SAME.get(f"{base}()", base)
        for one in node.body if base else ():
            match one:
                case ast.FunctionDef(name=name) | ast.Assign(targets=[ast.Name(id=name)]):
                    self.use(f"{self.instance}.{name}", one)
        self.generic_visit(node)
        self.instance = None

    def visit_FunctionDef(self, node):
        self.functions[node.name] = node
        outer, self.names = self.names, dict(self.names)
        for one in ast.walk(node.args):
            if isinstance(one, ast.arg):
                self.names[one.arg] = self.declared(one.arg)
        if node.args.args and node.args.args[0].arg == "self":
            self.names["self"] = self.instance
            self.stand_in(self.instance and f"{self.instance}.{node.name}", node)
        for decorator in node.decorator_list:
            if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "wraps":
                self.stand_in(self.path(decorator.args[0]), node)
        self.generic_visit(node)
        self.names = outer
