#include "packet/encoding.h"

#include <algorithm>

#include "base/msgpack.h"

namespace phoenix {
namespace {

constexpr uint32_t kHeadFields = 21;
constexpr uint32_t kLegFields = 2;       // more, from form 2 on
constexpr uint32_t kGovernedFields = 2;  // more, from form 3 on
constexpr uint32_t kSpecFields = 15;

void put_strings(MsgpackWriter& out, const std::vector<std::string>& values) {
  out.array(static_cast<uint32_t>(values.size()));
  for (const std::string& value : values) out.str(value);
}

void put_spec(MsgpackWriter& out, const PacketSpec& spec) {
  out.array(kSpecFields);
  out.str(spec.name);
  out.array(static_cast<uint32_t>(2 * spec.labels.size()));
  for (const auto& [key, value] : spec.labels) {
    out.str(key);
    out.str(value);
  }
  put_strings(out, spec.policy_tags);
  out.str(spec.affinity_key);
  out.str(spec.traceparent);
  out.str(spec.tracestate);
  out.str(spec.content_type);
  out.uint(static_cast<uint64_t>(spec.match));
  out.uint(static_cast<uint64_t>(spec.spread));
  out.sint(spec.priority);
  out.uint(spec.load);
  out.sint(spec.not_before);
  out.sint(spec.deadline);
  out.array(4);
  out.uint(spec.attempt_timeout_seconds);
  out.uint(spec.max_attempts);
  out.uint(spec.max_losses);
  out.uint(spec.retain_seconds);
  out.digest(spec.create_digest);
}

void put_ownership(MsgpackWriter& out, const Packet& packet) {
  if (packet.owner) {
    out.array(2);
    out.str(packet.owner->id);
    out.uint(packet.owner->incarnation);
  } else {
    out.nil();
  }
  if (packet.parked) {
    out.array(3);
    out.uint(static_cast<uint64_t>(packet.parked->reason));
    out.sint(packet.parked->since);
    out.sint(packet.parked->until);
  } else {
    out.nil();
  }
}

void put_contents(MsgpackWriter& out, const Packet& packet) {
  out.array(kContentKinds);
  for (const ContentInfo& info : packet.contents) {
    if (!info.present) {
      out.nil();
      continue;
    }
    out.array(3);
    out.boolean(info.is_json);
    out.uint(info.size);
    out.uint(info.revision);
  }
}

void put_past(MsgpackWriter& out, const Packet& packet) {
  if (packet.last_error) {
    out.array(2);
    out.str(packet.last_error->message);
    out.str(packet.last_error->code);
  } else {
    out.nil();
  }
  out.array(static_cast<uint32_t>(packet.kept.size()));
  for (const KeptAnswer& kept : packet.kept) {
    out.array(6);
    out.uint(kept.epoch);
    out.uint(kept.revision);
    out.uint(static_cast<uint64_t>(kept.call));
    out.uint(static_cast<uint64_t>(kept.status));
    out.str(kept.member);
    out.digest(kept.digest);
  }
}

std::vector<std::string> take_strings(MsgpackReader& in) {
  const uint32_t size = in.array();
  std::vector<std::string> values;
  values.reserve(size);
  for (uint32_t i = 0; i < size && in.ok(); ++i) values.emplace_back(in.str());
  return values;
}

uint32_t take_u32(MsgpackReader& in) { return static_cast<uint32_t>(in.uint(UINT32_MAX)); }

std::string take_id(MsgpackReader& in) {
  const std::string_view id = in.str();
  if (!valid_id(id)) in.reject();
  return std::string(id);
}

std::string take_name(MsgpackReader& in, bool may_be_empty) {
  const std::string_view name = in.str();
  if (!(name.empty() && may_be_empty) && !valid_name(name)) in.reject();
  return std::string(name);
}

void take_labels(MsgpackReader& in, PacketSpec& spec) {
  const uint32_t size = in.array();
  if (size % 2 != 0) in.reject();
  spec.labels.reserve(size / 2);
  for (uint32_t i = 0; i < size / 2 && in.ok(); ++i) {
    std::string key = take_name(in, false);
    std::string value = take_name(in, true);
    if (i > 0 && !(spec.labels.back().first < key)) in.reject();
    spec.labels.emplace_back(std::move(key), std::move(value));
  }
}

PacketSpec take_spec(MsgpackReader& in) {
  PacketSpec spec;
  in.array_of(kSpecFields);
  spec.name = take_name(in, true);
  take_labels(in, spec);
  spec.policy_tags = take_strings(in);
  spec.affinity_key = take_name(in, true);
  spec.traceparent = in.str();
  spec.tracestate = in.str();
  spec.content_type = in.str();
  spec.match = static_cast<CapabilityMatch>(in.uint(1));
  spec.spread = static_cast<Spread>(in.uint(2));
  const int64_t priority = in.sint();
  if (priority < -1000 || priority > 1000) in.reject();
  spec.priority = static_cast<int32_t>(priority);
  spec.load = static_cast<uint32_t>(in.uint(1'000'000));
  if (spec.load == 0) in.reject();
  spec.not_before = in.sint();
  spec.deadline = in.sint();
  in.array_of(4);
  spec.attempt_timeout_seconds = take_u32(in);
  spec.max_attempts = take_u32(in);
  spec.max_losses = take_u32(in);
  spec.retain_seconds = take_u32(in);
  spec.create_digest = in.digest();
  return spec;
}

Status take_status(MsgpackReader& in) {
  const auto status = static_cast<Status>(in.uint(kStatuses - 1));
  if (status == Status::kRunning) in.reject();
  return status;
}

void take_ownership(MsgpackReader& in, Packet& packet) {
  if (in.next_is_nil()) {
    in.nil();
  } else {
    in.array_of(2);
    std::string id = take_id(in);
    packet.owner = Owner{std::move(id), in.uint()};
  }
  if (in.next_is_nil()) {
    in.nil();
  } else {
    in.array_of(3);
    Parked parked;
    parked.reason = static_cast<ParkReason>(in.uint(static_cast<uint64_t>(kLastParkReason)));
    parked.since = in.sint();
    parked.until = in.sint();
    packet.parked = parked;
  }
  if (packet.status == Status::kAssigned && !packet.owner) in.reject();
}

void take_contents(MsgpackReader& in, Packet& packet) {
  in.array_of(kContentKinds);
  for (ContentInfo& info : packet.contents) {
    if (in.next_is_nil()) {
      in.nil();
      continue;
    }
    in.array_of(3);
    info.present = true;
    info.is_json = in.boolean();
    info.size = take_u32(in);
    info.revision = in.uint();
  }
}

void take_past(MsgpackReader& in, Packet& packet) {
  if (in.next_is_nil()) {
    in.nil();
  } else {
    in.array_of(2);
    auto error = std::make_shared<LastError>();
    error->message = in.str();
    error->code = in.str();
    packet.last_error = std::move(error);
  }
  const uint32_t size = in.array();
  if (size > kKeptAnswers) in.reject();
  for (uint32_t i = 0; i < size && in.ok(); ++i) {
    KeptAnswer kept;
    in.array_of(6);
    kept.epoch = in.uint();
    kept.revision = in.uint();
    kept.call = static_cast<Call>(in.uint(static_cast<uint64_t>(Call::kHandoff)));
    kept.status = static_cast<Status>(in.uint(kStatuses - 1));
    kept.member = take_id(in);
    kept.digest = in.digest();
    packet.kept.push_back(std::move(kept));
  }
}

void put_governed(MsgpackWriter& out, const Governed& governed) {
  out.array(governed.redacted.empty() ? 5 : 6);  // the sixth from form 4 on
  out.str(governed.contract);
  if (governed.scopes) {
    put_strings(out, *governed.scopes);
  } else {
    out.nil();
  }
  out.str(governed.semantic);
  out.uint(governed.handoffs);
  out.str(governed.asked_by);
  if (!governed.redacted.empty()) put_strings(out, governed.redacted);
}

Governed take_governed(MsgpackReader& in) {
  Governed governed;
  const uint32_t fields = in.array();
  if (fields != 5 && fields != 6) in.reject();
  governed.contract = in.str();
  if (in.next_is_nil()) {
    in.nil();
  } else {
    governed.scopes = take_strings(in);
  }
  governed.semantic = in.str();
  governed.handoffs = take_u32(in);
  governed.asked_by = in.str();
  if (fields == 6) {
    governed.redacted = take_strings(in);
    if (governed.redacted.empty()) in.reject();
  }
  return governed;
}

void put_governance(MsgpackWriter& out, const Packet& packet) {
  if (packet.governed) {
    put_governed(out, *packet.governed);
  } else {
    out.nil();
  }
  out.uint(packet.ticket_ms);
}

void take_governance(MsgpackReader& in, Packet& packet) {
  if (in.next_is_nil()) {
    in.nil();
  } else {
    packet.governed = std::make_shared<const Governed>(take_governed(in));
  }
  packet.ticket_ms = take_u32(in);
  if (!packet.governed && packet.ticket_ms == 0) in.reject();
}

std::vector<std::string> take_required(MsgpackReader& in) {
  std::vector<std::string> required = take_strings(in);
  for (size_t i = 0; i < required.size(); ++i) {
    if (!valid_name(required[i]) || (i > 0 && !(required[i - 1] < required[i]))) in.reject();
  }
  return required;
}

PacketKey take_key(MsgpackReader& in) {
  PacketKey key = PacketKey::from_text(std::string(in.str()));
  if (!valid_id(key.ns()) || !valid_id(key.id()) ||
      key.text().size() != key.ns().size() + 1 + key.id().size()) {
    in.reject();
  }
  return key;
}

Packet take_packet(MsgpackReader& in) {
  Packet packet;
  packet.key = take_key(in);
  packet.spec = std::make_shared<const PacketSpec>(take_spec(in));
  packet.required = take_required(in);
  packet.point = take_u32(in);
  packet.placement_point = take_u32(in);
  packet.status = take_status(in);
  packet.epoch = in.uint();
  packet.revision = in.uint();
  take_ownership(in, packet);
  packet.avoid = in.str();
  packet.attempts = take_u32(in);
  packet.losses = take_u32(in);
  packet.checkpoint_seq = in.uint();
  take_contents(in, packet);
  take_past(in, packet);
  packet.created_at = in.sint();
  packet.updated_at = in.sint();
  packet.ended_at = in.sint();
  return packet;
}

uint32_t form_of(const Packet& packet) {
  if (packet.governed && !packet.governed->redacted.empty()) return 4;
  if (packet.governed || packet.ticket_ms > 0) return 3;
  return packet.legs > 0 ? 2 : 1;
}

uint32_t fields_of(uint64_t form) {
  return kHeadFields + (form > 1 ? kLegFields : 0) + (form > 2 ? kGovernedFields : 0);
}

}  // namespace

std::string encode_head(const Packet& packet) {
  std::string bytes;
  bytes.reserve(352);  // of most, also once they have ended
  MsgpackWriter out(bytes);
  const uint32_t form = form_of(packet);
  out.array(fields_of(form));
  out.uint(form);
  out.str(packet.key.text());
  static const PacketSpec kPlain;
  put_spec(out, packet.spec ? *packet.spec : kPlain);
  put_strings(out, packet.required);
  out.uint(packet.point);
  out.uint(packet.placement_point);
  const Status stored = packet.status == Status::kRunning ? Status::kAssigned : packet.status;
  out.uint(static_cast<uint64_t>(stored));
  out.uint(packet.epoch);
  out.uint(packet.revision);
  put_ownership(out, packet);
  out.str(packet.avoid);
  out.uint(packet.attempts);
  out.uint(packet.losses);
  out.uint(packet.checkpoint_seq);
  put_contents(out, packet);
  put_past(out, packet);
  out.sint(packet.created_at);
  out.sint(packet.updated_at);
  out.sint(packet.ended_at);
  if (form > 1) {
    out.uint(packet.legs);
    out.digest(packet.last_leg);
  }
  if (form > 2) put_governance(out, packet);
  return bytes;
}

Result<Packet> decode_head(std::string_view bytes) {
  MsgpackReader in(bytes);
  const uint32_t fields = in.array();
  const uint64_t version = in.uint();
  if (in.ok() && (version < 1 || version > kHeadVersion)) {
    return fail(ErrorKind::kInternal, "a stored packet head has form " + std::to_string(version) +
                                          "; this version reads forms up to " +
                                          std::to_string(kHeadVersion));
  }
  if (fields != fields_of(version)) in.reject();
  Packet packet = take_packet(in);
  if (version > 1) {
    packet.legs = in.uint();
    packet.last_leg = in.digest();
    if (version == 2 && packet.legs == 0) in.reject();
  }
  if (version > 2) take_governance(in, packet);
  if (version > 2 && version != form_of(packet)) in.reject();
  if (!in.at_end()) {
    return fail(ErrorKind::kInternal,
                "a stored packet head of " + std::to_string(bytes.size()) + " bytes is damaged");
  }
  return packet;
}

std::string encode_spec(const PacketSpec& spec) {
  std::string bytes;
  bytes.reserve(160);
  MsgpackWriter out(bytes);
  put_spec(out, spec);
  return bytes;
}

Result<PacketSpec> decode_spec(std::string_view bytes) {
  MsgpackReader in(bytes);
  PacketSpec spec = take_spec(in);
  if (!in.at_end()) {
    return fail(ErrorKind::kInternal, "what a packet's creator said, " +
                                          std::to_string(bytes.size()) + " bytes, is damaged");
  }
  return spec;
}

std::string encode_governed(const Governed& governed) {
  std::string bytes;
  MsgpackWriter out(bytes);
  put_governed(out, governed);
  return bytes;
}

Result<Governed> decode_governed(std::string_view bytes) {
  MsgpackReader in(bytes);
  Governed governed = take_governed(in);
  if (!in.at_end()) {
    return fail(ErrorKind::kInternal,
                "what governs a packet, " + std::to_string(bytes.size()) + " bytes, is damaged");
  }
  return governed;
}

}  // namespace phoenix
