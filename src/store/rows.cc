#include "store/rows.h"

#include <algorithm>

#include "base/msgpack.h"

namespace phoenix {

Digest digest_of_bytes(std::string_view bytes) {
  Digest digest{};
  std::copy_n(bytes.begin(), std::min(bytes.size(), digest.size()), digest.begin());
  return digest;
}

bool matches_namespace(const PacketFilter& filter, const PacketKey& key) {
  if (!filter.ns.empty()) return key.ns() == filter.ns;
  if (filter.namespaces.empty()) return true;
  return std::find(filter.namespaces.begin(), filter.namespaces.end(), key.ns()) !=
         filter.namespaces.end();
}

bool matches(const PacketFilter& filter, const Packet& head) {
  if (!matches_namespace(filter, head.key)) return false;
  const auto has_status = [&](Status wanted) {
    return wanted == head.status ||
           (wanted == Status::kRunning && head.status == Status::kAssigned);
  };
  if (!filter.statuses.empty() &&
      std::none_of(filter.statuses.begin(), filter.statuses.end(), has_status)) {
    return false;
  }
  if (!filter.owner.empty() && (!head.owner || head.owner->id != filter.owner)) return false;
  for (const std::string& capability : filter.requires_capabilities) {
    if (!std::binary_search(head.required.begin(), head.required.end(), capability)) return false;
  }
  for (const auto& label : filter.labels) {
    if (!head.spec) return false;
    const auto& labels = head.spec->labels;
    if (std::find(labels.begin(), labels.end(), label) == labels.end()) return false;
  }
  return true;
}

HistoryEntry member_entry(const PutMember& op) {
  HistoryEntry entry;
  entry.at = op.record->updated_at;
  entry.epoch = op.record->incarnation;
  entry.revision = op.record->revision;
  entry.event = op.event;
  entry.reason = op.record->reason;
  entry.recorded = op.recorded;
  return entry;
}

HistoryEntry document_entry(const PutDocument& op) {
  HistoryEntry entry;
  entry.at = op.document->changed_at;
  entry.revision = op.document->revision;
  entry.event = op.event;
  entry.recorded = op.recorded;
  return entry;
}

bool may_forget(const Document& document) {
  return document.key.kind == DocumentKind::kApproval && document.deleted;
}

WallMs content_due(const Packet& head) {
  if (!is_terminal(head.status)) return 0;
  const WallMs ended = head.ended_at != kNoWall ? head.ended_at : head.updated_at;
  const uint32_t retain = head.spec ? head.spec->retain_seconds : PacketSpec{}.retain_seconds;
  return std::max<WallMs>(1, ended + int64_t{retain} * 1000);
}

std::string encode_tombstone(const Tombstone& tombstone) {
  std::string bytes;
  MsgpackWriter out(bytes);
  out.array(5);
  out.uint(1);
  out.uint(static_cast<uint64_t>(tombstone.status));
  out.sint(tombstone.created_at);
  out.sint(tombstone.ended_at);
  out.digest(tombstone.create_digest);
  return bytes;
}

Result<Tombstone> decode_tombstone(std::string_view key, std::string_view bytes) {
  MsgpackReader in(bytes);
  Tombstone tombstone;
  in.array_of(5);
  in.uint(1);
  tombstone.key = PacketKey::from_text(std::string(key));
  tombstone.status = static_cast<Status>(in.uint(kStatuses - 1));
  tombstone.created_at = in.sint();
  tombstone.ended_at = in.sint();
  tombstone.create_digest = in.digest();
  if (!in.at_end()) {
    return fail(ErrorKind::kInternal, std::string(key) + ": its stored tombstone is damaged");
  }
  return tombstone;
}

}  // namespace phoenix
