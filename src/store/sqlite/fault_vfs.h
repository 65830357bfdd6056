// For tests: SQLite's own file layer with a counter and a switch in front of each write and sync.
// kill -9 cannot tell a durable commit from one that sits in the page cache; counting syncs can.
#pragma once

#include <atomic>
#include <cstdint>

namespace phoenix::sqlite {

struct VfsFaults {
  std::atomic<int> fail_writes_with{0};  // SQLite code, or 0
  std::atomic<int> fail_syncs_with{0};
  std::atomic<int> fail_reads_with{0};
  std::atomic<int> fail_opens_with{0};
  // The first `writes_before_fault` writes after the fault is set still succeed.
  std::atomic<int> writes_before_fault{0};
  std::atomic<uint64_t> log_syncs{0};  // of the write-ahead log
  std::atomic<uint64_t> log_writes{0};
  std::atomic<bool> log_dirty{false};  // written since its last sync
  void heal() {
    fail_writes_with = 0;
    fail_syncs_with = 0;
    fail_reads_with = 0;
    fail_opens_with = 0;
    writes_before_fault = 0;
  }
};

inline constexpr const char* kFaultVfs = "phoenix-fault";

// Registers the layer under that name, once; its switches are one for the whole process.
VfsFaults& fault_vfs();

}  // namespace phoenix::sqlite
