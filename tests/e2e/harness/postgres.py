"""A throw-away PostgreSQL of Debian's package: a folder of its own, an unprivileged user, a Unix
socket unless an address is asked for. Never the system's cluster."""

import atexit
import contextlib
import os
import pathlib
import pwd
import select
import shutil
import signal
import subprocess
import tempfile
import threading

from harness.host import PATIENCE, cleanup_of

SUPERUSER = "phoenix"
# In memory where that can be: what is killed here are processes, not the machine.
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def programs():
    """The folder of the newest version's programs; None where there is none."""
    versions = pathlib.Path("/usr/lib/postgresql")
    found = [path / "bin" for path in versions.glob("*") if (path / "bin/initdb").exists()]
    return max(found, key=lambda path: int(path.parent.name), default=None)


class Account:
    """Whom the server runs as: it refuses to be root."""

    def __init__(self):
        self.entry = None
        if os.geteuid() == 0:
            names = {entry.pw_name: entry for entry in pwd.getpwall()}
            self.entry = names.get("postgres") or names["nobody"]

    def popen(self):
        """Arguments of subprocess for a process of that account."""
        if self.entry is None:
            return {"cwd": "/"}
        return {"cwd": "/", "user": self.entry.pw_uid, "group": self.entry.pw_gid,
                "extra_groups": []}

    def words(self):
        """A command that runs another one as that account."""
        if self.entry is None:
            return []
        return ["setpriv", f"--reuid={self.entry.pw_uid}", f"--regid={self.entry.pw_gid}",
                "--clear-groups"]

    def give(self, path):
        if self.entry is not None:
            os.chown(path, self.entry.pw_uid, self.entry.pw_gid)

    def run(self, *words):
        done = subprocess.run([str(programs() / words[0]), *words[1:]], capture_output=True,
                              text=True, stdin=subprocess.DEVNULL, check=False,
                              env={"PATH": os.environ["PATH"], "LC_ALL": "C"}, **self.popen())
        if done.returncode != 0:
            raise AssertionError(f"{words[0]}: {done.stdout}{done.stderr}")
        return done.stdout


class Template:
    """A cluster that was initialised once for all tests of this process."""

    made = None

    @classmethod
    def get(cls, account):
        if cls.made is None:
            cls.made = tempfile.mkdtemp(prefix="phoenix-pg-", dir=MEMORY)
            atexit.register(shutil.rmtree, cls.made, ignore_errors=True)
            account.give(cls.made)
            account.run("initdb", "-D", cls.made + "/data", "-U", SUPERUSER, "--auth=trust",
                        "--no-sync", "-E", "UTF8", "--locale=C")
            with open(cls.made + "/data/pg_hba.conf", "a", encoding="ascii") as file:
                file.write("host all all 10.77.0.0/16 trust\n"
                           "host replication all 10.77.0.0/16 trust\n")
        return cls.made + "/data"


class Postgres:
    """Started by the constructor, ended by the cleanup of the test (or class) that owns it."""

    def __init__(self, test, *settings, address=None, before=(), primary=None, name=None):
        self.account = Account()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="phoenix-pg-", dir=MEMORY))
        self.address = address  # listens there too, on the default port
        # A command that runs the server, such as `ip netns exec`: only root may run that one, so
        # the account is taken on behind it.
        self.before = [*before, *self.account.words()] if before else []
        self.settings = list(settings)
        self.process = None
        self.lines = []
        self.news = threading.Condition()
        cleanup_of(test)(self.remove)
        self.account.give(self.folder)
        self.data = self.folder / "data"
        if primary is None:
            # -a: the owner stays. Hard work of initdb is done once.
            subprocess.run(["cp", "-a", Template.get(self.account), str(self.data)], check=True)
        else:
            self.account.run("pg_basebackup", "-D", str(self.data), "-R", "-X", "stream",
                             "--no-sync", "-c", "fast", "-d",
                             primary.words() + f" application_name={name}")
        self.start()

    @property
    def url(self):
        host = self.address or str(self.folder)
        return f"postgresql:///postgres?host={host}&user={SUPERUSER}"

    def words(self):
        return f"host={self.folder} user={SUPERUSER} dbname=postgres"

    def start(self):
        lines = self.lines = []  # of this life
        words = [*self.before, str(programs() / "postgres"), "-D", str(self.data),
                 "-k", str(self.folder), "-h", self.address or "", "-c", "max_wal_size=96MB"]
        for setting in self.settings:
            words += ["-c", setting]
        self.process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
            **({"cwd": "/"} if self.before else self.account.popen()))
        threading.Thread(target=self.read, args=(self.process.stderr, lines), daemon=True).start()
        self.said("ready to accept")

    def read(self, pipe, lines):
        with pipe:
            for line in pipe:
                with self.news:
                    lines.append(line.decode("utf-8", "replace").rstrip())
                    self.news.notify_all()
        with self.news:
            lines.append(None)
            self.news.notify_all()

    def said(self, part):
        """Awaits a line of the server's log."""
        with self.news:
            self.news.wait_for(lambda: None in self.lines or any(
                line and part in line for line in self.lines), PATIENCE)
            if not any(line and part in line for line in self.lines):
                raise AssertionError(f"PostgreSQL did not say \"{part}\": {self.lines[-20:]}")

    def sql(self, statement):
        """Its answer, columns by `|`, rows by lines."""
        return self.account.run("psql", "-X", "-q", "-A", "-t", "-d", self.words(), "-c",
                                statement).strip()

    @contextlib.contextmanager
    def locked(self, table):
        """Nobody else can so much as read that table."""
        words = [str(programs() / "psql"), "-X", "-q", "-A", "-t", "-d", self.words()]
        with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                              env={"PATH": os.environ["PATH"], "LC_ALL": "C"},
                              **self.account.popen()) as session:
            session.stdin.write(f"BEGIN; LOCK TABLE {table}; SELECT 'locked';\n")
            session.stdin.flush()
            if session.stdout.readline().strip() != "locked":
                raise AssertionError(f"{table} could not be locked")
            yield
            session.stdin.close()  # it rolls back

    def configure(self, **settings):
        """Changes settings of the running server."""
        for name, value in settings.items():
            self.sql(f"ALTER SYSTEM SET {name} = '{value}'")
        self.sql("SELECT pg_reload_conf()")

    def processes(self):
        """The server and its backends."""
        if self.process is None or self.process.poll() is not None:
            return []
        server = self.process.pid
        found = [server]
        for parent in found:
            try:
                path = f"/proc/{parent}/task/{parent}/children"
                found += [int(pid) for pid in pathlib.Path(path).read_text("ascii").split()]
            except FileNotFoundError:
                pass
        return found

    def signal(self, number):
        for pid in self.processes():
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    def kill(self):
        """All of its processes at once, and awaits that they are gone."""
        handles = []
        for pid in self.processes():
            try:
                handles.append(os.pidfd_open(pid))
            except ProcessLookupError:
                pass
        self.signal(signal.SIGKILL)
        if self.process is not None:
            self.process.wait(PATIENCE)
        for handle in handles:
            select.select([handle], [], [], PATIENCE)
            os.close(handle)

    def restart(self):
        self.kill()
        self.start()

    def freeze(self):
        self.signal(signal.SIGSTOP)

    def thaw(self):
        self.signal(signal.SIGCONT)

    def standby(self, test, name, *settings):
        return Postgres(test, *settings, primary=self, name=name)

    def remove(self):
        if self.process is not None and self.process.poll() is None:
            self.thaw()
            self.process.send_signal(signal.SIGQUIT)
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.kill()
        # Who was killed for good has left a piece of shared memory, which its pid file names.
        lock = self.data / "postmaster.pid"
        words = lock.read_text("ascii").split() if lock.exists() else []
        if len(words) > 7 and words[-2].isdigit():
            subprocess.run(["ipcrm", "-m", words[-2]], capture_output=True, check=False)
        shutil.rmtree(self.folder, ignore_errors=True)
