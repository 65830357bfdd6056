// What the other hosts of the pool have signed, held against what this one reads in their common
// store. Each host leaves its newest checkpoint there; two that cannot both be true mean that one
// of the hosts signs two histories, or that somebody has changed rows behind their backs. Either
// way a host that went on signing would lend its name to one of them.
//
// On the recorder's thread.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "base/digest.h"
#include "base/error.h"
#include "lineage/crypto/key_file.h"
#include "lineage/form/statements.h"
#include "store/store.h"

namespace phoenix {

// A fact of the store, and the host's name: the envelope of its newest checkpoint.
inline constexpr const char* kCheckpointFact = "checkpoint.";

struct Contradiction {
  std::string host;  // who has signed otherwise
  uint32_t log = 0;
  uint64_t size = 0;
  std::string envelope;  // of that checkpoint

  std::string text() const;
};

class Witness {
 public:
  // The root of the first `size` entries of that log as they are read here; nothing: there are not
  // so many yet, or they are not kept any more. An error: it cannot be told now.
  using RootOf = std::function<Result<std::optional<Digest>>(uint32_t log, uint64_t size)>;

  // `self` is not looked at. `root`: of the pool, where it has one; then the keys that it has
  // granted count, otherwise those that the store has under the hosts' names.
  Witness(std::string pool, std::string self, std::optional<lineage::NamedKey> root)
      : pool_(std::move(pool)), self_(std::move(self)), root_(std::move(root)) {}

  // Looks at what is new. Rows that no host of the pool has signed are no checkpoints, and prove
  // nothing.
  Result<std::optional<Contradiction>> look(Reader& reader, const RootOf& root_of);
  // How many checkpoints of others agreed so far.
  uint64_t agreed() const { return agreed_; }

 private:
  std::optional<lineage::Checkpoint> opened(const std::string& host, const std::string& envelope,
                                            const std::string& key_text) const;

  std::string pool_;
  std::string self_;
  std::optional<lineage::NamedKey> root_;
  std::map<std::string, std::string> seen_;  // by host: the newest that is done with
  uint64_t agreed_ = 0;
};

}  // namespace phoenix
