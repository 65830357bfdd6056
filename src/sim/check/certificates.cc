#include "sim/check/certificates.h"

#include <fmt/format.h>

#include "lineage/form/statements.h"
#include "sim/env.h"

namespace phoenix::sim {
namespace {

constexpr const char* kPool = "sim";
constexpr uint32_t kAtOnce = 10'000;
constexpr Duration kPatience = seconds(5);
// No run has more.
constexpr size_t kHosts = 32;

std::vector<lineage::NamedKey> keys_of_hosts() {
  std::vector<lineage::NamedKey> keys;
  for (size_t i = 1; i <= kHosts; ++i) {
    const lineage::NamedKeyPair signer = signer_of(fmt::format("h{}", i));
    keys.push_back({signer.role, signer.name, signer.pair.public_key()});
  }
  return keys;
}

std::optional<lineage::DrainCertificate> said_in(const lineage::Entry& entry) {
  const auto envelope = lineage::decode_envelope(entry.certificate);
  if (!envelope) return std::nullopt;
  auto said = lineage::decode<lineage::DrainCertificate>(envelope->payload);
  if (!said) return std::nullopt;
  return *std::move(said);
}

}  // namespace

Certificates::Certificates(Complain complain)
    : complain_(std::move(complain)), keys_(kPool, keys_of_hosts()), book_(kPool, keys_) {}

void Certificates::committed(Instant now, uint64_t life, std::span<const Group> groups,
                             const std::vector<bool>& truth, const Shadow& shadow) {
  for (size_t i = 0; i < groups.size(); ++i) {
    if (!truth[i]) continue;
    for (const Op& op : groups[i].ops) {
      if (const auto* put = std::get_if<PutPacket>(&op)) {
        const Packet& head = *put->head;
        const Shadow::Track* const before = shadow.find(head.key);
        const bool granted = head.owner && (before == nullptr || before->head->epoch != head.epoch);
        if (granted && hosts_.contains(life)) {
          complain_(Invariant::kLineage,
                    fmt::format("{} was assigned by life {} of a host, which has a certificate",
                                head.key.id(), life));
        }
      } else if (const auto* member = std::get_if<PutMember>(&op)) {
        if (member->event == "certified") written(member->recorded, shadow);
        if (member->record->uncertified) {
          owed_.emplace(member->record->key, now);
        } else {
          owed_.erase(member->record->key);
        }
      } else if (const auto* gone = std::get_if<DropMember>(&op)) {
        owed_.erase(gone->key);
      } else if (const auto* note = std::get_if<PutNote>(&op)) {
        if (note->entry.event == "certified") written(note->entry.recorded, shadow);
      }
    }
  }
}

void Certificates::look_at_owed(Instant now, Instant calm_since) {
  for (const auto& [key, since] : owed_) {
    if (now - std::max(since, calm_since) <= kPatience) continue;
    complain_(Invariant::kBounded,
              fmt::format("{} was drained, and has no certificate though all is well", key.text()));
  }
}

void Certificates::written(const std::string& recorded, const Shadow& shadow) {
  const auto entry = lineage::decode<lineage::Entry>(recorded);
  const auto said = entry ? said_in(*entry) : std::nullopt;
  if (!said) return complain_(Invariant::kLineage, "a certificate is not in its one form");
  if (said->ns.empty()) {
    hosts_.insert(said->incarnation);
    return;
  }
  members_.emplace(said->ns + "/" + said->id, said->incarnation);
  for (const PacketKey& key : shadow.live()) {
    const Packet& head = *shadow.find(key)->head;
    if (!head.owner || key.ns() != said->ns || head.owner->id != said->id ||
        head.owner->incarnation != said->incarnation) {
      continue;
    }
    complain_(Invariant::kLineage, fmt::format("{}#{} has a certificate, and owns {} in epoch {}",
                                               said->id, said->incarnation, key.id(), head.epoch));
  }
}

void Certificates::look(Reader& reader) {
  for (;;) {
    const auto rows = reader.recorded(kOwnLog, read_, kAtOnce);
    if (!rows || rows->empty()) return;
    for (const RecordedEntry& row : *rows) entry(row);
    read_ = rows->back().position;
  }
}

// All hosts of the memory store share one log, so whatever is written later stands later.
void Certificates::entry(const RecordedEntry& row) {
  const auto entry = lineage::decode<lineage::Entry>(row.bytes);
  if (!entry) return complain_(Invariant::kLineage, "an entry cannot be read");
  const lineage::Place place{kOwnLog, row.position - 1, 0};
  lineage::Finding fault;
  if (entry->leg && entry->leg->to) fault = book_.assigned(*entry, place);
  if (!fault && !entry->certificate.empty()) fault = book_.certified(*entry, place);
  if (!fault) return;
  complain_(Invariant::kLineage, fmt::format("entry {} of the log, {}: {}: {}", row.position,
                                             entry->event, fault->code, fault->detail));
}

}  // namespace phoenix::sim
