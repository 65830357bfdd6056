#include "runtime/recorder/witness.h"

#include <string_view>
#include <utility>

#include "runtime/recorder/key_facts.h"
#include "runtime/recorder/root_desk.h"

namespace phoenix {

std::string Contradiction::text() const {
  return "host " + host +
         " has signed other entries than those that stand in the store, within the "
         "first " +
         std::to_string(size) + " of log " + std::to_string(log) +
         ": it signs two histories, or rows were changed from outside";
}

// Nothing: it is not by a key of that host.
std::optional<lineage::Checkpoint> Witness::opened(const std::string& host,
                                                   const std::string& envelope,
                                                   const std::string& key_text) const {
  const auto known = HostKeyFact::parse(key_text);
  if (!known || known->key.role != lineage::KeyRole::kHost || known->key.name != host) {
    return std::nullopt;
  }
  if (root_ && fault_of_grant(known->grant, *root_, known->key)) return std::nullopt;
  const std::string key_id = known->key.key.id();
  auto said = lineage::open<lineage::Checkpoint>(
      envelope, [&](std::string_view id) { return id == key_id ? &known->key.key : nullptr; });
  if (!said || said->statement.pool != pool_ || said->statement.host != host) return std::nullopt;
  return std::move(said->statement);
}

Result<std::optional<Contradiction>> Witness::look(Reader& reader, const RootOf& root_of) {
  const auto checkpoints = reader.facts(kCheckpointFact);
  if (!checkpoints) return tl::unexpected<Error>(checkpoints.error());
  std::optional<std::map<std::string, std::string>> keys;
  for (const auto& [name, envelope] : *checkpoints) {
    const std::string host = name.substr(std::string_view(kCheckpointFact).size());
    const auto seen = seen_.find(host);
    if (host == self_ || (seen != seen_.end() && seen->second == envelope)) continue;
    if (!keys) {
      const auto rows = reader.facts(kHostKeyFact);
      if (!rows) return tl::unexpected<Error>(rows.error());
      keys.emplace(rows->begin(), rows->end());
    }
    const auto key = keys->find(kHostKeyFact + host);
    const auto said = key == keys->end() ? std::nullopt : opened(host, envelope, key->second);
    if (!said) continue;  // its key may come yet
    bool whole = true;
    for (const lineage::LogRoot& root : said->logs) {
      const auto own = root_of(root.log, root.size);
      if (!own) return tl::unexpected<Error>(own.error());
      if (!*own) {
        whole = false;
      } else if (**own != root.root) {
        return Contradiction{host, root.log, root.size, envelope};
      }
    }
    if (!whole) continue;
    seen_[host] = envelope;
    ++agreed_;
  }
  return std::nullopt;
}

}  // namespace phoenix
