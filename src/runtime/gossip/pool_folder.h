// The folder with what must be equal over a pool: `ring.key`, `pool.json` and `view.json`. It is
// the data folder itself, or one that the hosts of a pool share (--pool). What is absent is made,
// by whichever host comes first. Blocking, for start-up.
#pragma once

#include <string>

#include "base/error.h"
#include "base/siphash.h"
#include "runtime/gossip/documents.h"

namespace phoenix::gossip {

// Names a ring key without telling it: 16 hexadecimal digits of a hash.
std::string fingerprint_of(const RingKey& key);

struct PoolFolder {
  std::string path;
  RingKey ring_key;
  PoolNames names;

  std::string file(const std::string& name) const { return path + "/" + name; }
  std::string fingerprint() const { return fingerprint_of(ring_key); }
};

// Errors name the file; a broken one is never replaced, since other hosts rely on what it says.
Result<PoolFolder> open_pool_folder(const std::string& path);

}  // namespace phoenix::gossip
