# SPDX-License-Identifier: ISC
"""What a disk may hold after the power went: made from the log that
tests/power/record.c writes, for any moment of a run.

The model, stricter than any file system that we know:
- data: a sector (512 bytes) that was written since the last completed sync of
  its file holds what that sync left, or what it held after any later write to
  it; each sector by itself, whatever the order of the writes.
- a file's size: that of the last sync, or any later one; what is inside the
  size and was never written to disk reads as zeros.
- names: what the last completed fsync of the directory left, and of the acts
  after it (create, rename, unlink) any subset, done in their order.  A rename
  is one act.  Syncing a file makes no name durable.
- a write to a descriptor that is O_DSYNC is durable itself, nothing else is.

A position is an offset in the log; all processes share it.
"""
import hashlib
import mmap
import os
import shutil
import struct

(OPEN, CLOSE, WRITE, SIZE, ALLOC, RENAME, UNLINK, MKDIR, LINK, SYNC, SYNCED, MAP, CHROOT,
 START, SEEK) = range(1, 16)
HEAD_BYTES = 32
NOTE = struct.Struct("<IIiiiIqQ")
SECTOR = 512
ZEROS = bytes(SECTOR)
AT_FDCWD = -100
KEEP_SIZE, PUNCH_HOLE, ZERO_RANGE = 1, 2, 16
O_TMPFILE = os.O_TMPFILE & ~os.O_DIRECTORY
FOLDERS = {"queue": "spool", "store": "mail", "keyd": "keys"}
LOCK = "-lock"      # LMDB's: of this boot only, made anew by the first who opens it


class Log:
    """The file that the daemons write into, and the place where it ends."""

    def __init__(self, path, size=1 << 30):
        self.path = path
        with open(path, "w+b") as f:
            f.truncate(size)
            f.write(struct.pack("<QQQQ", HEAD_BYTES, size, 0, 0))
            f.flush()
            os.fchmod(f.fileno(), 0o666)
            self.map = mmap.mmap(f.fileno(), size)

    def env(self, library):
        asan = os.environ.get("ASAN_OPTIONS", "")
        return {"LD_PRELOAD": library, "GODWIT_RECORD": self.path,
                "ASAN_OPTIONS": (asan + ":" if asan else "") + "verify_asan_link_order=0"}

    def position(self):
        return struct.unpack_from("<Q", self.map, 0)[0]

    def is_busy(self):
        """Something may be done and is not noted yet."""
        return struct.unpack_from("<Q", self.map, 16)[0] != 0

    def notes(self):
        """(position after it, op, pid, fd, dir, flags, at, data)"""
        at, end = HEAD_BYTES, self.position()
        while at < end:
            size, op, pid, fd, folder, flags, off, n = NOTE.unpack_from(self.map, at)
            if size == 0:       # its writer was killed in the middle of it
                return
            data = self.map[at + NOTE.size:at + NOTE.size + n]
            at += size
            yield at, op, pid, fd, folder, flags, off, data

    def close(self):
        self.map.close()
        os.unlink(self.path)


class File:
    """versions[sector] = [(position, bytes)], sizes = [(position, size)]; the
    first of each is what the disk held when the record began."""

    def __init__(self, number, position, data=b""):
        self.number = number
        self.sizes = [(position, len(data))]
        self.versions = {}
        self.syncs = []         # (end, begin)
        self.forced = []        # writes that were durable by themselves
        self.is_mapped = False
        for s in range(0, len(data), SECTOR):
            piece = data[s:s + SECTOR]
            self.versions[s // SECTOR] = [(position, piece + ZEROS[len(piece):])]
        self.born = position

    @property
    def size(self):
        return self.sizes[-1][1]

    def _put(self, position, sector, start, piece):
        held = self.versions.setdefault(sector, [(self.born, ZEROS)])
        old = held[-1][1]
        held.append((position, old[:start] + piece + old[start + len(piece):]))

    def write(self, position, at, data, is_forced=False):
        done = 0
        while done < len(data):
            sector, start = divmod(at + done, SECTOR)
            piece = data[done:done + SECTOR - start]
            self._put(position, sector, start, piece)
            done += len(piece)
        if at + len(data) > self.size:
            self.sizes.append((position, at + len(data)))
        if is_forced:
            self.forced.append(position)

    def resize(self, position, size):
        if size < self.size:
            self.zero(position, size, self.size)
        self.sizes.append((position, size))

    def zero(self, position, start, end):
        for sector in [s for s in self.versions if (s + 1) * SECTOR > start and s * SECTOR < end]:
            lo = max(start - sector * SECTOR, 0)
            hi = min(end - sector * SECTOR, SECTOR)
            self._put(position, sector, lo, bytes(hi - lo))

    def floor(self, position):
        """All before it is on disk at this position."""
        return max((b for e, b in self.syncs if e <= position), default=self.born)

    def pending(self, position):
        """Positions of the acts that may or may not be on disk."""
        floor = self.floor(position)
        acts = {p for held in self.versions.values() for p, _ in held if floor < p <= position}
        acts |= {p for p, _ in self.sizes if floor < p <= position}
        return acts - {p for p in self.forced if p <= position}

    def sectors_of(self, act):
        return sorted(s for s, held in self.versions.items() if any(p == act for p, _ in held))

    def image(self, position, choice):
        """(size, {sector: bytes}) under a choice."""
        floor = self.floor(position)
        forced = {p for p in self.forced if p <= position}
        size = self.sizes[0][1]
        for p, n in self.sizes:
            if p <= position and (p <= floor or p in forced or choice.has_size(p)):
                size = n
        sectors = {}
        for sector, held in self.versions.items():
            if sector * SECTOR >= size:
                continue
            data = held[0][1]
            for p, content in held:
                if p <= position and (p <= floor or p in forced or choice.has_data(p, sector)):
                    data = content
            if data != ZEROS:
                left = size - sector * SECTOR
                sectors[sector] = data if left >= SECTOR else data[:left] + ZEROS[left:]
        return size, sectors


class Folder:
    """Names of one directory, and the acts on them."""

    def __init__(self, position, names=None):
        self.base = dict(names or {})
        self.now = dict(self.base)
        self.acts = []          # (position, {name: File or None})
        self.syncs = []
        self.born = position

    def act(self, position, change):
        self.acts.append((position, change))
        for name, what in change.items():
            if what is None:
                self.now.pop(name, None)
            else:
                self.now[name] = what

    floor = File.floor

    def pending(self, position):
        floor = self.floor(position)
        return {p for p, _ in self.acts if floor < p <= position}

    def image(self, position, choice):
        floor, names = self.floor(position), dict(self.base)
        for p, change in self.acts:
            if p > position or (p > floor and not choice.has_name(p)):
                continue
            for name, what in change.items():
                if what is None:
                    names.pop(name, None)
                else:
                    names[name] = what
        return names


class Choice:
    """Which of the pending acts reached the disk."""

    def __init__(self, label, data=frozenset(), sizes=None, names=None, torn=None):
        """torn: {act: sectors of it that arrived}"""
        self.label, self.data = label, data
        self.sizes = data if sizes is None else sizes
        self.names = data if names is None else names
        self.torn = torn or {}

    def has_data(self, act, sector):
        return sector in self.torn[act] if act in self.torn else act in self.data

    def has_size(self, act):
        return act in self.sizes

    def has_name(self, act):
        return act in self.names


class Disk:
    """The data directories of an instance, from the record of a run.
    root: the instance; base: copies of its directories before the run.
    drop_syncs: a function (role, path, position) that tells whether a sync is
    to count for nothing: what a program does that forgot it."""

    def __init__(self, log, root, base, drop_syncs=None):
        self.root, self.base = root, base
        self.drop = drop_syncs or (lambda role, path, position: False)
        self.files, self.folders, self.pids = [], {}, {}
        self.positions = []
        self.dropped = 0
        for folder in FOLDERS.values():
            self._load(folder)
        self.roles = {}         # pid -> role
        self.fds = {}           # (pid, fd) -> (object, offset, flags, name)
        self.open_syncs = {}
        for note in log.notes():
            self._note(*note)
            self.positions.append(note[0])

    def _load(self, path):
        names = {}
        for entry in sorted(os.scandir(f"{self.base}/{path}"), key=lambda e: e.name):
            if entry.is_dir(follow_symlinks=False):
                self._load(f"{path}/{entry.name}")
            elif entry.is_file(follow_symlinks=False):
                with open(entry.path, "rb") as f:
                    names[entry.name] = self._file(0, f.read())
        self.folders[path] = Folder(0, names)

    def _file(self, position, data=b""):
        self.files.append(File(len(self.files), position, data))
        return self.files[-1]

    # names

    def _path(self, pid, folder, name):
        """Below the instance's root, or None: not ours."""
        role = self.roles.get(pid)
        if name.startswith("/"):
            if name.startswith(self.root + "/"):
                path = name[len(self.root) + 1:]
            elif (pid, "chroot") in self.fds:
                path = FOLDERS[role] + name
            else:
                return None
        elif folder == AT_FDCWD:
            path = f"{FOLDERS[role]}/{name}"
        else:
            at = self.fds.get((pid, folder))
            if at is None or not isinstance(at[0], str):
                return None
            path = f"{at[0]}/{name}"
        path = os.path.normpath(path)
        return path if path.split("/")[0] in FOLDERS.values() else None

    def _split(self, path):
        folder, _, name = path.rpartition("/")
        return self.folders[folder], name

    def _open(self, position, pid, fd, folder, flags, name):
        self.fds.pop((pid, fd), None)
        path = self._path(pid, folder, name)
        if path is None or flags & O_TMPFILE:
            return
        if path in self.folders:
            self.fds[(pid, fd)] = [path, 0, flags, path]
            return
        parent, leaf = self._split(path)
        f = parent.now.get(leaf)
        if f is None:
            assert flags & os.O_CREAT, f"{path} was opened, and is not known"
            f = self._file(position)
            parent.act(position, {leaf: f})
        elif flags & os.O_TRUNC and f.size > 0:
            f.resize(position, 0)
        self.fds[(pid, fd)] = [f, 0, flags, path]

    # one act

    def _note(self, position, op, pid, fd, folder, flags, at, data):
        if op == START:
            self.roles[pid] = data.rstrip(b"\0").decode()
            return
        if op == CHROOT:
            self.fds[(pid, "chroot")] = True
            return
        if op in (OPEN, RENAME, UNLINK, MKDIR, LINK):
            names = [n.decode() for n in data.split(b"\0")]
            if op == OPEN:
                self._open(position, pid, fd, folder, flags, names[0])
            else:
                self._name_act(position, op, pid, fd, folder, names)
            return
        held = self.fds.get((pid, fd))
        if op == CLOSE:
            self.fds.pop((pid, fd), None)
        elif held is None:
            return
        elif op in (SYNC, SYNCED):
            self._sync(position, op, (pid, fd), held)
        elif isinstance(held[0], File):
            self._data_act(position, op, held, flags, at, data)

    def _name_act(self, position, op, pid, fd, folder, names):
        path = self._path(pid, folder, names[0])
        if path is None:
            return
        parent, leaf = self._split(path)
        if op == UNLINK:
            parent.act(position, {leaf: None})
        elif op == MKDIR:
            raise AssertionError(f"a daemon makes the directory {path}: not in the model")
        else:
            to = self._path(pid, fd, names[1])
            assert to is not None and self._split(to)[0] is parent, f"{path} goes to another directory"
            change = {self._split(to)[1]: parent.now[leaf]}
            parent.act(position, {leaf: None, **change} if op == RENAME else change)

    def _sync(self, position, op, key, held):
        if op == SYNC:
            self.open_syncs.setdefault(key, []).append(position)
            return
        begin = self.open_syncs[key].pop()
        what = self.folders[held[0]] if isinstance(held[0], str) else held[0]
        if self.drop(self.roles[key[0]], held[3], position):
            self.dropped += 1
        else:
            what.syncs.append((position, begin))

    @staticmethod
    def _data_act(position, op, held, flags, at, data):
        f = held[0]
        if op == WRITE:
            if at < 0:
                at = f.size if held[2] & os.O_APPEND else held[1]
                held[1] = at + len(data)
            f.write(position, at, data, held[2] & os.O_DSYNC != 0)
        elif op == SEEK:
            held[1] = at
        elif op == SIZE:
            f.resize(position, at)
        elif op == MAP:
            f.is_mapped = True
        elif op == ALLOC:
            end = at + struct.unpack("<Q", data)[0]
            if flags & (PUNCH_HOLE | ZERO_RANGE):
                f.zero(position, at, end)
            if not flags & KEEP_SIZE and end > f.size:
                f.resize(position, end)

    # states

    def pending(self, position):
        """Acts that may or may not have reached the disk: (of data, of names)."""
        data = set()
        for f in self.files:
            if not f.is_mapped:
                data |= f.pending(position)
        names = set()
        for folder in self.folders.values():
            names |= folder.pending(position)
        return data, names

    def state(self, position, choice):
        """{folder: {name: (size, {sector: bytes})}}"""
        return {path: {name: f.image(position, choice)
                       for name, f in folder.image(position, choice).items() if not name.endswith(LOCK)}
                for path, folder in self.folders.items()}


def digest(state):
    h = hashlib.blake2b(digest_size=16)
    for path in sorted(state):
        for name, (size, sectors) in sorted(state[path].items()):
            h.update(f"{path}/{name} {size}\n".encode())
            for sector in sorted(sectors):
                h.update(struct.pack("<Q", sector))
                h.update(sectors[sector])
    return h.digest()


def put(state, root, base):
    """The directories of the instance become those of the state; what was
    there before the run has the owner and mode that it had then."""
    for path, names in state.items():
        folder = f"{root}/{path}"
        for entry in list(os.scandir(folder)):
            if entry.is_file(follow_symlinks=False):
                os.unlink(entry.path)
            elif entry.name not in (p.rpartition("/")[2] for p in state) and entry.is_dir():
                shutil.rmtree(entry.path)
        for name, (size, sectors) in names.items():
            with open(f"{folder}/{name}", "wb") as f:
                old = f"{base}/{path}/{name}"
                is_old = os.path.exists(old)
                owner = os.stat(old if is_old else folder)
                os.fchmod(f.fileno(), owner.st_mode & 0o777 if is_old else 0o600)
                os.fchown(f.fileno(), owner.st_uid, owner.st_gid)
                for sector, data in sectors.items():
                    os.pwrite(f.fileno(), data, sector * SECTOR)
                f.truncate(size)


def differences(state, root):
    """Between a state and what is really there; it proves the record whole."""
    found = []
    for path, names in state.items():
        real = {e.name for e in os.scandir(f"{root}/{path}") if e.is_file() and not e.name.endswith(LOCK)}
        found += [f"{path}/{n}: only in one" for n in real ^ set(names)]
        for name in real & set(names):
            size, sectors = names[name]
            with open(f"{root}/{path}/{name}", "rb") as f:
                data = f.read()
            if len(data) != size:
                found.append(f"{path}/{name}: {len(data)} bytes, not {size}")
                continue
            for s in range(0, size, SECTOR):
                want = sectors.get(s // SECTOR, ZEROS)[:size - s]
                if data[s:s + SECTOR] != want:
                    found.append(f"{path}/{name}: differs at {s}")
                    break
    return found
