#include "policy/rules/input.h"

#include <algorithm>

namespace phoenix::policy {
namespace {

using cel::Kind;
using cel::Value;

// As REST bounds them.
constexpr uint32_t kNameBytes = 256;
constexpr uint32_t kTextBytes = 1'024;
constexpr uint32_t kMostCapabilities = 256;  // of one member; more count as they are
constexpr uint32_t kMostRequired = 64;
constexpr uint32_t kMostLabels = 64;

Value list_of(Texts texts, cel::Scratch& memory) {
  auto* items = memory.make<Value>(texts.size());
  auto* list = memory.make<cel::List>(1);
  if (items == nullptr || list == nullptr) return cel::error_value(cel::Fault::kTooLarge, 0);
  std::transform(texts.begin(), texts.end(), items,
                 [](const std::string& text) { return cel::string_value(text); });
  *list = {items, static_cast<uint32_t>(texts.size())};
  return cel::list_value(list);
}

Value map_of(Labels labels, cel::Scratch& memory) {
  std::vector<cel::Entry> entries;
  for (const auto& [key, value] : labels) {
    entries.push_back({cel::string_value(key), cel::string_value(value)});
  }
  return cel::make_map(entries.data(), entries.size(), memory, 0);
}

Value time_of(WallMs ms) {
  if (ms == kNoWall) return cel::absent_value();
  int64_t seconds = ms / 1'000;
  int64_t rest = ms % 1'000;
  if (rest < 0) {
    rest += 1'000;
    --seconds;
  }
  return cel::timestamp_value(seconds, static_cast<int32_t>(rest * 1'000'000));
}

Value text_or_absent(std::string_view text) {
  return text.empty() ? cel::absent_value() : cel::string_value(text);
}

// 0.92 of 920: the double nearest to it, as a literal has it.
Value thousandths(uint32_t value) { return cel::double_value(static_cast<double>(value) / 1'000); }

// In the order of MemberField.
void add_member(cel::Schema& schema, const std::string& name) {
  schema.add_text(name + ".id", kNameBytes);
  schema.add_text(name + ".namespace", kNameBytes);
  schema.add_text(name + ".kind", kNameBytes);
  schema.add_text(name + ".status", kNameBytes);
  schema.add_text(name + ".registeredBy", kNameBytes);
  schema.add_texts(name + ".capabilities", kMostCapabilities, kNameBytes);
  schema.add_texts(name + ".compliance", kMostLabels, kNameBytes);
  schema.add_text_map(name + ".labels", kMostLabels, kTextBytes);
  schema.add(name + ".trustScore", Kind::kDouble);
  schema.add(name + ".reliability", Kind::kDouble);
  schema.add(name + ".weight", Kind::kInt);
  schema.add(name + ".load", Kind::kInt);
  schema.add(name + ".maxLoad", Kind::kInt);
  schema.add(name + ".joinedAt", Kind::kTimestamp);
}

// In the order of PacketField.
void add_packet(cel::Schema& schema) {
  schema.add_text("packet.id", kNameBytes);
  schema.add_text("packet.name", kNameBytes);
  schema.add_text("packet.namespace", kNameBytes);
  schema.add_text("packet.affinityKey", kTextBytes);
  schema.add_texts("packet.requiredCapabilities", kMostRequired, kNameBytes);
  schema.add_text("packet.capabilityMatch", 3);
  schema.add_texts("packet.policyTags", kMostLabels, kNameBytes);
  schema.add_text_map("packet.labels", kMostLabels, kTextBytes);
  schema.add("packet.priority", Kind::kInt);
  schema.add("packet.load", Kind::kInt);
  schema.add("packet.attempts", Kind::kInt);
  schema.add("packet.losses", Kind::kInt);
  schema.add("packet.epoch", Kind::kInt);
  schema.add("packet.createdAt", Kind::kTimestamp);
  schema.add("packet.deadline", Kind::kTimestamp);
  schema.add("packet.payload", Kind::kDyn);
}

constexpr uint16_t at(MemberField field) { return static_cast<uint16_t>(field); }
constexpr uint16_t at(PacketField field) { return static_cast<uint16_t>(field); }

void add_older_spellings(cel::Schema& schema, const std::string& name, uint16_t first) {
  const std::pair<const char*, MemberField> kSpellings[] = {
      {".type", MemberField::kKind},
      {".skills", MemberField::kCapabilities},
      {".trust_score", MemberField::kTrustScore},
      {".reliability_score", MemberField::kReliability},
      {".current_load", MemberField::kLoad},
      {".currentLoad", MemberField::kLoad},
      {".max_load", MemberField::kMaxLoad}};
  for (const auto& [spelling, field] : kSpellings) {
    schema.add_spelling(name + spelling, static_cast<uint16_t>(first + at(field)));
  }
}

void add_older_packet(cel::Schema& schema) {
  const std::pair<const char*, PacketField> kSpellings[] = {
      {"packet.required_capabilities", PacketField::kRequiredCapabilities},
      {"packet.required_skills", PacketField::kRequiredCapabilities},
      {"packet.policy_tags", PacketField::kPolicyTags},
      {"packet.context", PacketField::kPayload}};
  for (const auto& [spelling, field] : kSpellings) {
    schema.add_spelling(spelling, static_cast<uint16_t>(kPacketSlot + at(field)));
  }
}

cel::Schema make_schema(Point point, bool older) {
  const bool handoff = point == Point::kHandoff;
  cel::Schema schema;
  const std::string subject = handoff ? "target" : "member";
  add_member(schema, subject);
  if (handoff) add_member(schema, "source");
  schema.skip_to(kPacketSlot);
  if (handoff || point == Point::kAssign) add_packet(schema);
  schema.skip_to(kNowSlot);
  schema.add("now", Kind::kTimestamp);
  schema.add("context", Kind::kDyn);
  if (!older) return schema;
  add_older_spellings(schema, subject, kSubjectSlot);
  if (handoff) {
    add_older_spellings(schema, "source", kSourceSlot);
    add_older_spellings(schema, "member", kSubjectSlot);
    cel::Schema plain;
    add_member(plain, "member");
    for (uint16_t slot = 0; slot < kMemberFields; ++slot) {
      schema.add_spelling(std::string(plain.path_of(slot)), slot);
    }
  }
  if (handoff || point == Point::kAssign) add_older_packet(schema);
  return schema;
}

}  // namespace

MemberFacts::MemberFacts(const MemberView& view) {
  const auto set = [this](MemberField field, const Value& value) { values_[at(field)] = value; };
  set(MemberField::kId, cel::string_value(view.id));
  set(MemberField::kNamespace, cel::string_value(view.name_space));
  set(MemberField::kKind, cel::string_value(view.kind));
  set(MemberField::kStatus, cel::string_value(view.status));
  set(MemberField::kRegisteredBy, text_or_absent(view.registered_by));
  set(MemberField::kCapabilities, list_of(view.capabilities, memory_));
  set(MemberField::kCompliance, list_of(view.compliance, memory_));
  set(MemberField::kLabels, map_of(view.labels, memory_));
  set(MemberField::kTrustScore, thousandths(view.trust));
  set(MemberField::kReliability, thousandths(view.reliability));
  set(MemberField::kWeight, cel::int_value(view.weight));
  set(MemberField::kLoad, cel::int_value(view.load));
  set(MemberField::kMaxLoad, cel::int_value(view.max_load));
  set(MemberField::kJoinedAt, time_of(view.joined_at));
}

PacketFacts::PacketFacts(const PacketView& view) {
  const auto set = [this](PacketField field, const Value& value) { values_[at(field)] = value; };
  set(PacketField::kId, cel::string_value(view.id));
  set(PacketField::kName, text_or_absent(view.name));
  set(PacketField::kNamespace, cel::string_value(view.name_space));
  set(PacketField::kAffinityKey, text_or_absent(view.affinity_key));
  set(PacketField::kRequiredCapabilities, list_of(view.required_capabilities, memory_));
  set(PacketField::kCapabilityMatch, cel::string_value(view.any_capability ? "any" : "all"));
  set(PacketField::kPolicyTags, list_of(view.policy_tags, memory_));
  set(PacketField::kLabels, map_of(view.labels, memory_));
  set(PacketField::kPriority, cel::int_value(view.priority));
  set(PacketField::kLoad, cel::int_value(view.load));
  set(PacketField::kAttempts, cel::int_value(view.attempts));
  set(PacketField::kLosses, cel::int_value(view.losses));
  set(PacketField::kEpoch, cel::int_value(static_cast<int64_t>(view.epoch)));
  set(PacketField::kCreatedAt, time_of(view.created_at));
  set(PacketField::kDeadline, time_of(view.deadline));
  set(PacketField::kPayload, view.payload);
}

void Input::set_now(WallMs now) { values_[kNowSlot] = time_of(now); }

const cel::Schema& input_schema(Point point, bool older) {
  static const std::array<std::array<cel::Schema, 2>, kPoints> schemas = [] {
    std::array<std::array<cel::Schema, 2>, kPoints> made;
    for (size_t index = 0; index < kPoints; ++index) {
      made[index] = {make_schema(static_cast<Point>(index), false),
                     make_schema(static_cast<Point>(index), true)};
    }
    return made;
  }();
  return schemas[static_cast<size_t>(point)][older ? 1 : 0];
}

bool is_stable(uint16_t slot) {
  if (slot < kMemberFields) return slot != at(MemberField::kLoad);
  if (slot < kPacketSlot || slot >= kNowSlot) return false;
  const auto field = static_cast<PacketField>(slot - kPacketSlot);
  return field == PacketField::kNamespace || field == PacketField::kRequiredCapabilities ||
         field == PacketField::kCapabilityMatch || field == PacketField::kPolicyTags;
}

}  // namespace phoenix::policy
