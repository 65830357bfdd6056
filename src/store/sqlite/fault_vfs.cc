#include "store/sqlite/fault_vfs.h"

#include <sqlite3.h>

namespace phoenix::sqlite {
namespace {

VfsFaults faults;
sqlite3_vfs* real_vfs = nullptr;
sqlite3_io_methods methods;
sqlite3_vfs layer;

struct File {
  sqlite3_file base;
  bool is_log;
  // The real file follows in the same allocation.
};

sqlite3_file* real(sqlite3_file* file) {
  return reinterpret_cast<sqlite3_file*>(reinterpret_cast<char*>(file) + sizeof(File));
}
bool is_log(sqlite3_file* file) { return reinterpret_cast<File*>(file)->is_log; }

int on_close(sqlite3_file* file) { return real(file)->pMethods->xClose(real(file)); }

int on_read(sqlite3_file* file, void* to, int size, sqlite3_int64 at) {
  if (const int code = faults.fail_reads_with) return code;
  return real(file)->pMethods->xRead(real(file), to, size, at);
}

int on_write(sqlite3_file* file, const void* from, int size, sqlite3_int64 at) {
  if (const int code = faults.fail_writes_with; code != 0 && faults.writes_before_fault-- <= 0) {
    return code;
  }
  if (is_log(file)) {
    ++faults.log_writes;
    faults.log_dirty = true;
  }
  return real(file)->pMethods->xWrite(real(file), from, size, at);
}

int on_truncate(sqlite3_file* file, sqlite3_int64 size) {
  return real(file)->pMethods->xTruncate(real(file), size);
}

int on_sync(sqlite3_file* file, int flags) {
  if (const int code = faults.fail_syncs_with) return code;
  const int code = real(file)->pMethods->xSync(real(file), flags);
  if (is_log(file) && code == SQLITE_OK) {
    ++faults.log_syncs;
    faults.log_dirty = false;
  }
  return code;
}

int on_size(sqlite3_file* file, sqlite3_int64* size) {
  return real(file)->pMethods->xFileSize(real(file), size);
}
int on_lock(sqlite3_file* file, int level) {
  return real(file)->pMethods->xLock(real(file), level);
}
int on_unlock(sqlite3_file* file, int level) {
  return real(file)->pMethods->xUnlock(real(file), level);
}
int on_reserved(sqlite3_file* file, int* out) {
  return real(file)->pMethods->xCheckReservedLock(real(file), out);
}
int on_control(sqlite3_file* file, int what, void* argument) {
  return real(file)->pMethods->xFileControl(real(file), what, argument);
}
int on_sector(sqlite3_file* file) { return real(file)->pMethods->xSectorSize(real(file)); }
int on_traits(sqlite3_file* file) {
  return real(file)->pMethods->xDeviceCharacteristics(real(file));
}
int on_shm_map(sqlite3_file* file, int page, int size, int extend, void volatile** out) {
  return real(file)->pMethods->xShmMap(real(file), page, size, extend, out);
}
int on_shm_lock(sqlite3_file* file, int offset, int count, int flags) {
  return real(file)->pMethods->xShmLock(real(file), offset, count, flags);
}
void on_shm_barrier(sqlite3_file* file) { real(file)->pMethods->xShmBarrier(real(file)); }
int on_shm_unmap(sqlite3_file* file, int remove) {
  return real(file)->pMethods->xShmUnmap(real(file), remove);
}

int on_open(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  file->pMethods = nullptr;
  if (const int code = faults.fail_opens_with) return code;
  const int code = real_vfs->xOpen(real_vfs, name, real(file), flags, out_flags);
  if (code != SQLITE_OK) return code;
  reinterpret_cast<File*>(file)->is_log = (flags & SQLITE_OPEN_WAL) != 0;
  file->pMethods = &methods;
  return SQLITE_OK;
}

bool register_layer() {
  real_vfs = sqlite3_vfs_find(nullptr);
  methods = {};
  methods.iVersion = 2;
  methods.xClose = on_close;
  methods.xRead = on_read;
  methods.xWrite = on_write;
  methods.xTruncate = on_truncate;
  methods.xSync = on_sync;
  methods.xFileSize = on_size;
  methods.xLock = on_lock;
  methods.xUnlock = on_unlock;
  methods.xCheckReservedLock = on_reserved;
  methods.xFileControl = on_control;
  methods.xSectorSize = on_sector;
  methods.xDeviceCharacteristics = on_traits;
  methods.xShmMap = on_shm_map;
  methods.xShmLock = on_shm_lock;
  methods.xShmBarrier = on_shm_barrier;
  methods.xShmUnmap = on_shm_unmap;
  // What is not about files goes to the real layer's functions, which look at nothing of ours.
  layer = *real_vfs;
  layer.zName = kFaultVfs;
  layer.szOsFile = static_cast<int>(sizeof(File)) + real_vfs->szOsFile;
  layer.xOpen = on_open;
  return sqlite3_vfs_register(&layer, 0) == SQLITE_OK;
}

}  // namespace

VfsFaults& fault_vfs() {
  static const bool registered = register_layer();
  if (!registered) faults.fail_opens_with = SQLITE_CANTOPEN;
  return faults;
}

}  // namespace phoenix::sqlite
