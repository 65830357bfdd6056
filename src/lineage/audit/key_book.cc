#include "lineage/audit/key_book.h"

#include <algorithm>

namespace phoenix::lineage {
namespace {

Fault fault_at(const Place& place, const char* code, std::string detail) {
  return {code, std::move(detail), place};
}

std::string member_name(std::string_view ns, std::string_view id) {
  return std::string(ns).append(1, '/').append(id);
}

}  // namespace

KeyBook::KeyBook(std::string pool, const std::vector<NamedKey>& trusted) : pool_(std::move(pool)) {
  for (const NamedKey& named : trusted) {
    if (named.role == KeyRole::kRoot && named.name == pool_) roots_[named.key.id()] = named.key;
  }
  for (const NamedKey& named : trusted) {
    if (named.role == KeyRole::kRoot) continue;
    if (named.role == KeyRole::kHost && !roots_.empty()) continue;
    const std::string id = named.key.id();
    const bool host = named.role == KeyRole::kHost;
    holdings_[named.name].push_back({{named.key, host ? named.name : ""}, id, {}, {}});
    if (host) host_of_key_[id] = named.name;
  }
}

Result<std::string> KeyBook::grant(std::string_view envelope) {
  const auto find = [this](std::string_view id) -> const PublicKey* {
    const auto it = roots_.find(std::string(id));
    return it == roots_.end() ? nullptr : &it->second;
  };
  auto grant = open<KeyGrant>(envelope, find);
  if (!grant) return tl::unexpected(grant.error());
  const KeyGrant& said = grant->statement;
  if (said.pool != pool_) {
    return fail(ErrorKind::kForbidden, "the grant is for pool " + said.pool);
  }
  std::string id = said.key.id();
  holdings_[said.host].push_back({{said.key, said.host}, id, {}, {}});
  host_of_key_[id] = said.host;
  return id;
}

std::string KeyBook::owner_of(const Entry& entry) {
  return entry.ns.empty() ? entry.subject : member_name(entry.ns, entry.subject);
}

bool KeyBook::may_hold(const Holding& holding, const Place& place) {
  return !(holding.from && surely_before(place, *holding.from)) &&
         !(holding.to && surely_before(*holding.to, place));
}

const PublicKey* KeyBook::member_key(std::string_view ns, std::string_view id,
                                     std::string_view key_id, const Place& place) const {
  const auto it = holdings_.find(member_name(ns, id));
  if (it == holdings_.end()) return nullptr;
  for (const Holding& holding : it->second) {
    if (holding.id == key_id && may_hold(holding, place)) return &holding.held.key;
  }
  return nullptr;
}

bool KeyBook::has_key(std::string_view ns, std::string_view id, const Place& place) const {
  const auto it = holdings_.find(member_name(ns, id));
  if (it == holdings_.end()) return false;
  return std::any_of(it->second.begin(), it->second.end(), [&place](const Holding& holding) {
    return (!holding.from || surely_before(*holding.from, place)) &&
           (!holding.to || surely_before(place, *holding.to));
  });
}

const KeyBook::HostKey* KeyBook::host_key(std::string_view key_id, const Place& place) const {
  const auto host = host_of_key_.find(std::string(key_id));
  if (host == host_of_key_.end()) return nullptr;
  for (const Holding& holding : holdings_.at(host->second)) {
    if (holding.id == key_id && may_hold(holding, place)) return &holding.held;
  }
  return nullptr;
}

// That whoever is said to have the key holds it, or that a root gave it to the host.
Finding KeyBook::prove(const Entry& entry, const Place& place) const {
  const KeyChange& change = *entry.key;
  if (change.action == KeyAction::kRevoke) return std::nullopt;
  if (change.role == KeyRole::kHost) {
    if (roots_.empty()) return std::nullopt;  // nor is it believed
    const auto find = [this](std::string_view id) -> const PublicKey* {
      const auto it = roots_.find(std::string(id));
      return it == roots_.end() ? nullptr : &it->second;
    };
    const auto grant = open<KeyGrant>(change.proof, find);
    if (!grant) return fault_at(place, "bad-key", "a host's key: " + grant.error().detail);
    const KeyGrant& said = grant->statement;
    if (said.pool == pool_ && said.host == entry.subject && said.key == change.key) {
      return std::nullopt;
    }
    return fault_at(place, "bad-key", "the root granted another key, or to another host");
  }
  const std::string id = change.key.id();
  const auto find = [&](std::string_view asked) { return asked == id ? &change.key : nullptr; };
  const auto proof = open<RegistrationProof>(change.proof, find);
  if (!proof) return fault_at(place, "bad-key", "a member's key: " + proof.error().detail);
  const RegistrationProof& said = proof->statement;
  if (said.pool == pool_ && said.ns == entry.ns && said.member == entry.subject &&
      said.key == change.key) {
    return std::nullopt;
  }
  return fault_at(place, "bad-key", "the proof is for another member or another key");
}

void KeyBook::add(const Entry& entry, const Place& place) {
  const bool host = entry.key->role == KeyRole::kHost;
  const std::string id = entry.key->key.id();
  holdings_[owner_of(entry)].push_back(
      {{entry.key->key, host ? entry.subject : ""}, id, place, std::nullopt});
  if (host) host_of_key_[id] = entry.subject;
}

// From there on the key is good no more, whoever said that it was.
void KeyBook::take_back(std::vector<Holding>& held, std::string_view id, const Place& place) {
  for (Holding& holding : held) {
    if (holding.id == id && !holding.to) holding.to = place;
  }
}

// `later`: it rests on an entry of this block that is yet to come.
Finding KeyBook::try_apply(const Entry& entry, const Place& place, bool& later) {
  const KeyChange& change = *entry.key;
  const std::string id = change.key.id();
  const bool host = change.role == KeyRole::kHost;
  const bool believed = !host || !roots_.empty();
  std::vector<Holding>& held = holdings_[owner_of(entry)];
  // A host's key that was known from the start stands beside what the log tells.
  const Holding* current = nullptr;
  for (const Holding& holding : held) {
    if (!holding.to && (holding.from || !host)) current = &holding;
  }
  // A host may tell again what it cannot know to be in the log already.
  const bool again =
      change.action == KeyAction::kAdd || (host && change.action == KeyAction::kRotate);
  if (again && current != nullptr && current->id == id) return std::nullopt;
  switch (change.action) {
    case KeyAction::kAdd:
      if (current != nullptr) break;
      if (believed) add(entry, place);
      return std::nullopt;
    case KeyAction::kRotate:
      if (!host ? current == nullptr || current->id != change.previous
                : current != nullptr && current->id != change.previous) {
        break;
      }
      take_back(held, change.previous, place);
      if (believed) add(entry, place);
      return std::nullopt;
    case KeyAction::kRevoke:
      if (!host && (current == nullptr || current->id != id)) break;
      take_back(held, id, place);
      return std::nullopt;
  }
  later = true;
  return fault_at(place, "bad-key",
                  current == nullptr
                      ? owner_of(entry) + " has no key that this could change"
                      : "key " + current->id + " of " + owner_of(entry) + " is still in force");
}

Finding KeyBook::apply(const Entry& entry, const Place& place) {
  if (Finding fault = prove(entry, place)) return fault;
  bool later = false;
  Finding fault = try_apply(entry, place, later);
  if (!later) return fault;
  waiting_.push_back({entry, place});
  return std::nullopt;
}

Finding KeyBook::settle() {
  Finding first;
  bool moved = true;
  while (moved && !waiting_.empty()) {
    moved = false;
    first.reset();
    std::vector<Waiting> still;
    for (Waiting& waiting : waiting_) {
      bool later = false;
      Finding fault = try_apply(waiting.entry, waiting.place, later);
      if (!later) {
        moved = true;
        continue;
      }
      if (!first) first = std::move(fault);
      still.push_back(std::move(waiting));
    }
    waiting_ = std::move(still);
  }
  waiting_.clear();
  return first;
}

}  // namespace phoenix::lineage
