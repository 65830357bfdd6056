#!/usr/bin/env python3
"""The house rules that no compiler or linter holds, as a test: `tools/tidy.py [ROOT]`.

Looks at every file that git tracks or would track. Prints `path:line: rule: remedy` for each
violation and exits 1 if there is any. The rules are the tables below and the functions check_*.
"""

import ast
import bisect
import collections
import pathlib
import re
import subprocess
import sys

# Folder -> folders that it may name in its arrow. An arrow also includes all that its end reaches.
ARROWS = {
    "base": [],
    "lineage": ["base"],
    "policy": ["base"],
    "ring": ["base"],
    "membership": ["base"],
    "packet": ["base", "ring"],
    "directory": ["base", "ring"],
    "keeper": ["base", "ring", "packet", "directory"],
    "node": ["keeper", "lineage", "policy"],
    "cluster": ["node"],
    "peer": ["base"],
    "store": ["base", "packet", "directory"],
    "net": ["base"],
    "runtime": ["cluster", "peer", "membership", "store", "net"],
    "api": ["cluster", "membership", "net"],
    "sim": ["cluster", "peer", "membership", "store"],
    "client": ["base", "net"],
    "manifest": ["base", "lineage", "policy"],
    "gateway": ["api", "client"],
}
# Single headers beyond the arrows, each the face of a layer below or beside: the core describes its
# writes in the store's words, and REST speaks to the host that runs it.
EXTRA_HEADERS = {"node": ["store/store.h", "store/pool_store.h"],
                 "cluster": ["store/store.h", "store/pool_store.h"], "api": ["runtime/host.h", "runtime/hosts.h", "runtime/recorder/flight_recorder.h",
                         "runtime/recorder/key_facts.h", "runtime/recorder/root_desk.h"],
                 "gateway": ["runtime/hosts.h"]}
WIRING = "cli"  # includes anything, and nobody includes it
PURE = {"base", "lineage", "policy", "ring", "membership", "packet", "directory", "keeper", "node", "cluster",
        "peer"}
INTEGER_ONLY = {"ring", "keeper"}

FILE_LINES = 600
FUNCTION_LINES = 70
FOLDER_UNITS = 12
BLOB_BYTES = 256 * 1024

# Asks the kernel for memory in a certain form, which decides nothing.
MEMORY_OF_ITS_OWN = "src/ring/circle/line_array.cc"
IMPURE_HEADERS = re.compile(
    r"<(chrono|ctime|time\.h|thread|mutex|shared_mutex|atomic|condition_variable|future|random|"
    r"iostream|fstream|filesystem|unistd\.h|fcntl\.h|poll\.h|(sys|netinet|arpa)/.*|spdlog/.*)>")
IMPURE_TOKENS = [
    (re.compile(r"::now\("), "clock", "take `now` as a parameter"),
    (re.compile(r"\b(s?rand|random|getrandom|arc4random)\s*\("), "randomness", "use a seeded Prng"),
    (re.compile(r"\brandom_device\b"), "randomness", "use a seeded Prng"),
    (re.compile(r"\b(u|nano)?sleep(_for|_until)?\s*\("), "sleep", "await the event"),
    (re.compile(r"\busing namespace\b"), "using-namespace", "name what is used"),
]
LEFTOVER = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")
ORDER_FREE = "order-free:"  # a comment that says why the order of this loop cannot matter

CPP = {".h", ".cc"}
TEXT = CPP | {".py", ".sh", ".cmake", ".txt", ".md", ".json", ".yaml", ".yml", ""}


def list_files(root):
    """Tracked files and new ones that are not ignored; without git, all but the build."""
    answer = subprocess.run(["git", "-C", root, "ls-files", "-co", "--exclude-standard", "-z"],
                            capture_output=True, check=False)
    if answer.returncode == 0:
        names = answer.stdout.decode().split("\0")
    else:
        names = (str(p.relative_to(root)) for p in pathlib.Path(root).rglob("*"))
    skipped = {".git", "build", "__pycache__", ".phoenixflight"}
    paths = (pathlib.PurePosixPath(name) for name in names if name)
    return sorted(p for p in paths if not skipped & set(p.parts) and (root / p).is_file())


def reachable(folder):
    seen, queue = {folder}, list(ARROWS.get(folder, []))
    while queue:
        name = queue.pop()
        if name not in seen:
            seen.add(name)
            queue += ARROWS[name]
    return seen


def unit_of(path):
    return re.sub(r"_(test|fuzz|bench)$", "", path.stem)


def is_check(path):
    return path.stem.endswith(("_test", "_fuzz", "_bench"))


BLANKED = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"([^(\s]*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|'
    r"(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'|^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", re.S | re.M)


def blank(source):
    """The code alone: comments, literals and preprocessor lines become spaces, lines stay."""
    return BLANKED.sub(lambda m: re.sub(r"[^\n]", " ", m[0]), source)


CONSTRUCTOR_MEMBER = re.compile(r"\)[\s\w]*:(?!:).*[\w>]\s*$", re.S)


def brace_kind(prefix, enclosing):
    """What a `{` opens, from the text since the last statement: type, function, or other."""
    if enclosing in ("function", "other"):
        return "other"
    if re.search(r"\bnamespace\b", prefix) or re.fullmatch(r"\s*extern\s*", prefix):
        return "scope"
    if "(" not in prefix and re.search(r"\b(class|struct|union|enum)\b", prefix):
        return "scope"
    if ")" not in prefix or CONSTRUCTOR_MEMBER.search(prefix):
        return "member"
    return "function"


def function_spans(source):
    """(first line, last line) of each function body; lambdas count as part of their function."""
    code = blank(source)
    line_starts = [0] + [m.end() for m in re.finditer("\n", code)]
    spans, stack, prefix_start, prefix = [], [], 0, ""
    for match in re.finditer(r"[{};]", code):
        prefix += code[prefix_start:match.start()]
        prefix_start = match.end()
        if match[0] == "{":
            kind = brace_kind(prefix, stack[-1][0] if stack else "scope")
            stack.append((kind, match.start(), prefix))
            prefix = ""
        elif match[0] == "}" and stack:
            kind, start, before = stack.pop()
            prefix = before + "{}" if kind == "member" else ""
            if kind == "function":
                spans.append(tuple(bisect.bisect(line_starts, at) for at in (start, match.start())))
        else:
            prefix = ""
    return spans


def types_defined(source):
    """(full name, line) of each type defined at namespace scope, those in unnamed ones excepted."""
    code = blank(source)
    types, stack, start = [], [], 0
    for match in re.finditer(r"[{};]", code):
        prefix = code[start:match.start()]
        start = match.end()
        if match[0] == "{":
            space = re.search(r"\bnamespace(\s+[\w:]+)?\s*$", prefix)
            name = re.search(r"\b(?:class|struct|union|enum)\s+(?:class\s+)?(\w+)\s*(?:final\s*)?"
                             r"(?::(?!:)[^{]*)?$", prefix)
            if name and None not in stack:
                types.append(("::".join([*stack, name[1]]), code.count("\n", 0, match.start()) + 1))
            stack.append(space[1].strip() if space and space[1] else None)
        elif match[0] == "}" and stack:
            stack.pop()
    return types


def unroll(cmake):
    """A build file with its loops over plain words written out."""
    def body(match):
        return "".join(match[3].replace(f"${{{match[1]}}}", word) for word in match[2].split())
    return re.sub(r"foreach\((\w+)\s+([^)]*)\)(.*?)endforeach\(\)", body, cmake, flags=re.S)


class Tidy:
    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.files = list_files(self.root)
        self.violations = []
        self.types = {}  # full name -> the first file that defines it

    def say(self, path, line, rule, remedy):
        self.violations.append(f"{path}:{line}: {rule}: {remedy}")

    def run(self):
        for path in self.files:
            data = (self.root / path).read_bytes()
            if len(data) > BLOB_BYTES:
                self.say(path, 1, "blob", f"{len(data)} bytes; keep files below {BLOB_BYTES}")
                continue
            if path.suffix in TEXT and path.name != "LICENSE":
                self.check_text(path, data.decode("utf-8", "replace"))
        self.check_folders()
        self.check_build_files()
        self.check_drawn_arrows()
        return self.violations

    def check_text(self, path, source):
        lines = source.split("\n")
        for number, line in enumerate(lines, 1):
            if LEFTOVER.search(line):
                self.say(path, number, "leftover", "do it now, or say in prose why not")
        if path.suffix not in CPP | {".py"} and path.name != "dev":
            return
        if len(lines) - 1 > FILE_LINES:
            self.say(path, FILE_LINES + 1, "file-length",
                     f"{len(lines) - 1} lines; split it below {FILE_LINES}")
        if path.suffix in CPP:
            self.check_cpp(path, source, lines)
        elif path.suffix == ".py":
            self.check_functions(path, ((n.lineno, n.end_lineno) for n in ast.walk(ast.parse(source))
                                        if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))))

    def check_cpp(self, path, source, lines):
        self.check_functions(path, function_spans(source))
        self.check_includes(path, lines)
        self.check_types(path, source)
        if path.parts[0] == "src" and path.parts[1] in PURE:
            self.check_purity(path, blank(source).split("\n"), lines)

    def check_functions(self, path, spans):
        for first, last in spans:
            if last - first + 1 > FUNCTION_LINES:
                self.say(path, first, "function-length",
                         f"{last - first + 1} lines; split it below {FUNCTION_LINES}")

    def check_includes(self, path, lines):
        folder = path.parts[1] if path.parts[0] == "src" else None
        if folder == WIRING:
            return
        if folder is not None and folder not in ARROWS:
            self.say(path, 1, "folder", f"src/{folder} has no arrows; name it in tools/tidy.py")
            return
        allowed = reachable(folder) if folder else set(ARROWS)
        for number, line in enumerate(lines, 1):
            match = re.match(r'\s*#\s*include\s*"([^"]+)"', line)
            if not match:
                continue
            target = match[1].split("/")[0] if "/" in match[1] else None
            if folder and target is None:
                self.say(path, number, "include", f'write "{folder}/{match[1]}": src is the root')
            elif match[1] in EXTRA_HEADERS.get(folder, ()):
                continue
            elif target in set(ARROWS) | {WIRING} and target not in allowed:
                self.say(path, number, "arrow", f"{folder or path.parts[0]} may include only "
                         f"{', '.join(sorted(allowed - {folder})) or 'the standard library'}")

    def check_types(self, path, source):
        """Two types of one name are one to the linker: it takes either's destructor for both."""
        if path.parts[0] != "src" or is_check(path):
            return
        for name, line in types_defined(source):
            other = self.types.setdefault(name, path)
            if other != path:
                self.say(path, line, "same-name", f"{other} has a {name} too; give one of them "
                         "another name or a namespace of its own")

    def check_purity(self, path, code, lines):
        integer_only = path.parts[1] in INTEGER_ONLY and not is_check(path)
        unordered = self.unordered_names(path)
        for number, (line, text) in enumerate(zip(code, lines), 1):
            include = re.match(r"\s*#\s*include\s*(<.*>)", text)
            memory = str(path) == MEMORY_OF_ITS_OWN and include and include[1] == "<sys/mman.h>"
            if include and not memory and not is_check(path) and IMPURE_HEADERS.match(include[1]):
                self.say(path, number, "pure-include", f"{include[1]} touches the world; the shell "
                         "passes in what it knows")
            for pattern, rule, remedy in IMPURE_TOKENS:
                if pattern.search(line):
                    self.say(path, number, rule, remedy)
            if integer_only and re.search(r"\b(float|double)\b", line):
                self.say(path, number, "float", "decide in integers, thousandths or fixed point")
            loop = re.search(r"\bfor\s*\([^;]*:\s*(?:\w+\.)*(\w+)\)", line)
            near = "".join(lines[max(0, number - 3):number])
            if loop and loop[1] in unordered and not is_check(path) and ORDER_FREE not in near:
                self.say(path, number, "unordered-loop", "its order is undefined: use an ordered "
                         f"container, or say `// {ORDER_FREE} why`")

    def unordered_names(self, path):
        """Names of unordered containers declared in this file or in the header of its unit."""
        names = set()
        for file in {path, path.with_name(unit_of(path) + ".h")}:
            if (self.root / file).is_file():
                text = blank((self.root / file).read_text("utf-8", "replace"))
                names |= set(re.findall(r"\bunordered_(?:multi)?(?:map|set)<[^;{}()]*>\s+(\w+)\s*[;{=]",
                                        text))
        return names

    def check_folders(self):
        units = collections.defaultdict(set)
        for path in self.files:
            # Tests, and headers that only serve tests, go with what they test.
            helps = is_check(path) or path.stem.startswith("test_")
            if path.suffix in CPP and path.parts[0] == "src" and not helps:
                units[path.parent].add(unit_of(path))
        for folder, names in units.items():
            if len(names) > FOLDER_UNITS:
                self.say(folder, 1, "folder-size", f"{len(names)} units; at most {FOLDER_UNITS}: "
                         "find the part that is a folder of its own")

    def check_build_files(self):
        build_files = {p.parent: unroll((self.root / p).read_text("utf-8"))
                       for p in self.files if p.name == "CMakeLists.txt"}
        for path in self.files:
            if path.suffix != ".cc" or path.parts[0] != "src":
                continue
            named = any(re.search(rf"(?<![\w/]){re.escape(str(path.relative_to(folder)))}(?![\w.])",
                                  text)
                        for folder, text in build_files.items() if folder in path.parents)
            if not named:
                self.say(path, 1, "not-built", "name it in a CMakeLists.txt, or delete it")


    def check_drawn_arrows(self):
        """ARCHITECTURE.md draws the arrows for people: those of the table above. Each folder that
        it draws explains itself in a README.md."""
        path = pathlib.PurePosixPath("ARCHITECTURE.md")
        if path not in self.files:
            return
        text = (self.root / path).read_text("utf-8")
        drawn = {m[1]: (text.count("\n", 0, m.start()) + 1, m[2]) for m in re.finditer(
            r"^src/(\w+)/ .* -> (.*)$", text, re.M)}
        for folder in [*ARROWS, WIRING]:
            arrow = ", ".join(ARROWS.get(folder, ["anything"])) or "nothing"
            for header in EXTRA_HEADERS.get(folder, ()):
                arrow += f" (and {header})"
            line, found = drawn.pop(folder, (1, ""))
            if found != arrow:
                self.say(path, line, "drawn-arrow", f"draw src/{folder}/ -> {arrow}")
            if pathlib.PurePosixPath("src", folder, "README.md") not in self.files:
                self.say(f"src/{folder}", 1, "readme", "say what it is for, what it may include and "
                         "where to start reading")
        for folder, (line, _) in drawn.items():
            self.say(path, line, "drawn-arrow", f"tools/tidy.py knows no src/{folder}")


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parent.parent
    violations = Tidy(root).run()
    print("\n".join(violations), end="\n" if violations else "")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
