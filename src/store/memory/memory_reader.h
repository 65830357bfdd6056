// What the memory store and its readers share: the durable image under a lock, so that readers of
// other threads see whole batches only.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "store/memory/image.h"

namespace phoenix {

struct MemoryShared {
  std::mutex mutex;
  MemoryImage durable;
  std::string read_failure;  // not empty: reads fail
};

std::unique_ptr<Reader> make_memory_reader(std::shared_ptr<MemoryShared> shared);

}  // namespace phoenix
