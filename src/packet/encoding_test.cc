// The stored form of heads: whatever can be said comes back as it was, nothing else is taken.
#include "packet/encoding.h"

#include <gtest/gtest.h>
// After gtest, whose macros it extends.
#include <rapidcheck/gtest.h>

#include <algorithm>
#include <set>

#include "base/msgpack.h"

namespace phoenix {
namespace {

std::string any_id() {
  const std::string first =
      *rc::gen::container<std::string>(1, rc::gen::elementOf(std::string("abcXYZ0189")));
  return first + *rc::gen::resize(20, rc::gen::container<std::string>(
                                          rc::gen::elementOf(std::string("abcXYZ0189._-"))));
}

std::string any_name() {
  const std::vector<std::string> pieces = {"a", "Z", " ", "ü", "\u20ac", "\U0001f525", "/", "9"};
  std::string name;
  const int count = *rc::gen::inRange(1, 20);
  for (int i = 0; i < count; ++i) name += *rc::gen::elementOf(pieces);
  return name;
}

std::string any_bytes() { return *rc::gen::arbitrary<std::string>(); }

Digest any_digest() {
  Digest digest;
  for (uint8_t& byte : digest) byte = *rc::gen::arbitrary<uint8_t>();
  return digest;
}

std::vector<std::string> any_sorted_names() {
  std::set<std::string> names;
  const int count = *rc::gen::inRange(0, 8);
  for (int i = 0; i < count; ++i) names.insert(any_name());
  return {names.begin(), names.end()};
}

uint64_t any_u64() {
  // All widths alike, not only the ends.
  return *rc::gen::arbitrary<uint64_t>() >> *rc::gen::inRange(0, 64);
}
uint32_t any_u32() { return static_cast<uint32_t>(any_u64()); }
int64_t any_time() { return static_cast<int64_t>(any_u64()); }

std::shared_ptr<PacketSpec> any_spec() {
  auto spec = std::make_shared<PacketSpec>();
  if (*rc::gen::arbitrary<bool>()) spec->name = any_name();
  for (const std::string& key : any_sorted_names()) {
    spec->labels.emplace_back(key, *rc::gen::arbitrary<bool>() ? any_name() : "");
  }
  spec->policy_tags = any_sorted_names();
  if (*rc::gen::arbitrary<bool>()) spec->affinity_key = any_name();
  spec->traceparent = any_bytes();
  spec->tracestate = any_bytes();
  spec->content_type = any_bytes();
  spec->match = *rc::gen::element(CapabilityMatch::kAll, CapabilityMatch::kAny);
  spec->spread = *rc::gen::element(Spread::kId, Spread::kAffinity, Spread::kNone);
  spec->priority = *rc::gen::inRange(-1000, 1001);
  spec->load = *rc::gen::inRange(1u, 1'000'001u);
  spec->not_before = any_time();
  spec->deadline = -any_time();
  spec->attempt_timeout_seconds = any_u32();
  spec->max_attempts = any_u32();
  spec->max_losses = any_u32();
  spec->retain_seconds = any_u32();
  spec->create_digest = any_digest();
  return spec;
}

KeptAnswer any_kept() {
  KeptAnswer kept;
  kept.epoch = any_u64();
  kept.revision = any_u64();
  kept.call = static_cast<Call>(*rc::gen::inRange(0, 6));
  kept.status = static_cast<Status>(*rc::gen::inRange(0, kStatuses));
  kept.member = any_id();
  kept.digest = any_digest();
  return kept;
}

Packet any_packet() {
  Packet packet;
  packet.key = PacketKey(any_id(), any_id());
  packet.spec = any_spec();
  packet.required = any_sorted_names();
  packet.point = any_u32();
  packet.placement_point = any_u32();
  packet.status = static_cast<Status>(*rc::gen::inRange(0, kStatuses));
  packet.epoch = any_u64();
  packet.revision = any_u64();
  if (packet.status == Status::kAssigned || packet.status == Status::kRunning ||
      *rc::gen::arbitrary<bool>()) {
    packet.owner = Owner{any_id(), any_u64()};
  }
  if (packet.status == Status::kPending) {
    packet.parked =
        Parked{static_cast<ParkReason>(*rc::gen::inRange(0, 6)), any_time(), any_time()};
  }
  if (*rc::gen::arbitrary<bool>()) packet.avoid = any_id();
  packet.attempts = any_u32();
  packet.losses = any_u32();
  packet.checkpoint_seq = any_u64();
  for (ContentInfo& info : packet.contents) {
    if (*rc::gen::arbitrary<bool>()) {
      info = {true, *rc::gen::arbitrary<bool>(), any_u32(), any_u64()};
    }
  }
  if (*rc::gen::arbitrary<bool>()) {
    packet.last_error = std::make_shared<LastError>(LastError{any_bytes(), any_bytes()});
  }
  const int kept = *rc::gen::inRange(0, static_cast<int>(kKeptAnswers) + 1);
  for (int i = 0; i < kept; ++i) packet.kept.push_back(any_kept());
  packet.created_at = any_time();
  packet.updated_at = any_time();
  packet.ended_at = any_time();
  return packet;
}

void expect_equal(const PacketSpec& a, const PacketSpec& b) {
  RC_ASSERT(a.name == b.name);
  RC_ASSERT(a.labels == b.labels);
  RC_ASSERT(a.policy_tags == b.policy_tags);
  RC_ASSERT(a.affinity_key == b.affinity_key);
  RC_ASSERT(a.traceparent == b.traceparent);
  RC_ASSERT(a.tracestate == b.tracestate);
  RC_ASSERT(a.content_type == b.content_type);
  RC_ASSERT(a.match == b.match);
  RC_ASSERT(a.spread == b.spread);
  RC_ASSERT(a.priority == b.priority);
  RC_ASSERT(a.load == b.load);
  RC_ASSERT(a.not_before == b.not_before);
  RC_ASSERT(a.deadline == b.deadline);
  RC_ASSERT(a.attempt_timeout_seconds == b.attempt_timeout_seconds);
  RC_ASSERT(a.max_attempts == b.max_attempts);
  RC_ASSERT(a.max_losses == b.max_losses);
  RC_ASSERT(a.retain_seconds == b.retain_seconds);
  RC_ASSERT(a.create_digest == b.create_digest);
}

void expect_equal(const KeptAnswer& a, const KeptAnswer& b) {
  RC_ASSERT(a.epoch == b.epoch);
  RC_ASSERT(a.revision == b.revision);
  RC_ASSERT(a.call == b.call);
  RC_ASSERT(a.status == b.status);
  RC_ASSERT(a.member == b.member);
  RC_ASSERT(a.digest == b.digest);
}

void expect_equal(const Packet& a, const Packet& b) {
  RC_ASSERT(a.key == b.key);
  expect_equal(*a.spec, *b.spec);
  RC_ASSERT(a.required == b.required);
  RC_ASSERT(a.point == b.point);
  RC_ASSERT(a.placement_point == b.placement_point);
  RC_ASSERT(b.status == (a.status == Status::kRunning ? Status::kAssigned : a.status));
  RC_ASSERT(a.epoch == b.epoch);
  RC_ASSERT(a.revision == b.revision);
  RC_ASSERT(a.owner == b.owner);
  RC_ASSERT(a.parked.has_value() == b.parked.has_value());
  if (a.parked) {
    RC_ASSERT(a.parked->reason == b.parked->reason);
    RC_ASSERT(a.parked->since == b.parked->since);
    RC_ASSERT(a.parked->until == b.parked->until);
  }
  RC_ASSERT(a.avoid == b.avoid);
  RC_ASSERT(a.attempts == b.attempts);
  RC_ASSERT(a.losses == b.losses);
  RC_ASSERT(a.checkpoint_seq == b.checkpoint_seq);
  for (int i = 0; i < kContentKinds; ++i) {
    RC_ASSERT(a.contents[i].present == b.contents[i].present);
    if (!a.contents[i].present) continue;
    RC_ASSERT(a.contents[i].is_json == b.contents[i].is_json);
    RC_ASSERT(a.contents[i].size == b.contents[i].size);
    RC_ASSERT(a.contents[i].revision == b.contents[i].revision);
  }
  RC_ASSERT((a.last_error == nullptr) == (b.last_error == nullptr));
  if (a.last_error) {
    RC_ASSERT(a.last_error->message == b.last_error->message);
    RC_ASSERT(a.last_error->code == b.last_error->code);
  }
  RC_ASSERT(a.kept.size() == b.kept.size());
  for (size_t i = 0; i < a.kept.size(); ++i) expect_equal(a.kept[i], b.kept[i]);
  RC_ASSERT(a.created_at == b.created_at);
  RC_ASSERT(a.updated_at == b.updated_at);
  RC_ASSERT(a.ended_at == b.ended_at);
}

RC_GTEST_PROP(HeadEncoding, every_head_comes_back_as_it_was, ()) {
  const Packet packet = any_packet();
  const std::string bytes = encode_head(packet);
  const auto back = decode_head(bytes);
  RC_ASSERT(back.has_value());
  expect_equal(packet, *back);
  RC_ASSERT(encode_head(*back) == bytes);
}

RC_GTEST_PROP(HeadEncoding, no_prefix_and_no_longer_text_is_taken, ()) {
  const std::string bytes = encode_head(any_packet());
  const auto cut = *rc::gen::inRange<size_t>(0, bytes.size());
  RC_ASSERT(!decode_head(std::string_view(bytes).substr(0, cut)));
  RC_ASSERT(!decode_head(bytes + *rc::gen::arbitrary<char>()));
}

RC_GTEST_PROP(HeadEncoding, a_changed_byte_is_refused_or_gives_another_canonical_head, ()) {
  std::string bytes = encode_head(any_packet());
  const auto at = *rc::gen::inRange<size_t>(0, bytes.size());
  bytes[at] = static_cast<char>(bytes[at] ^ *rc::gen::inRange(1, 256));
  const auto back = decode_head(bytes);
  if (back) RC_ASSERT(encode_head(*back) == bytes);
}

Packet plain() {
  Packet packet;
  packet.key = PacketKey("ns", "id");
  packet.spec = std::make_shared<PacketSpec>();
  packet.revision = 1;
  return packet;
}

bool taken(const Packet& packet) { return decode_head(encode_head(packet)).has_value(); }

TEST(HeadEncoding, values_out_of_range_are_refused) {
  ASSERT_TRUE(taken(plain()));
  const auto with_spec = [](auto change) {
    Packet packet = plain();
    auto spec = std::make_shared<PacketSpec>();
    change(*spec);
    packet.spec = spec;
    return taken(packet);
  };
  EXPECT_FALSE(with_spec([](PacketSpec& spec) { spec.priority = 1001; }));
  EXPECT_FALSE(with_spec([](PacketSpec& spec) { spec.priority = -1001; }));
  EXPECT_FALSE(with_spec([](PacketSpec& spec) { spec.load = 0; }));
  EXPECT_FALSE(with_spec([](PacketSpec& spec) { spec.load = 1'000'001; }));
  EXPECT_FALSE(with_spec([](PacketSpec& spec) { spec.name = "a\nb"; }));
  EXPECT_FALSE(with_spec([](PacketSpec& spec) { spec.affinity_key = "\xff"; }));
  EXPECT_FALSE(with_spec([](PacketSpec& spec) { spec.labels = {{"b", ""}, {"a", ""}}; }));
  EXPECT_FALSE(with_spec([](PacketSpec& spec) { spec.labels = {{"a", ""}, {"a", ""}}; }));
  EXPECT_FALSE(with_spec([](PacketSpec& spec) { spec.labels = {{"", "x"}}; }));
  Packet packet = plain();
  packet.required = {"b", "a"};
  EXPECT_FALSE(taken(packet)) << "not sorted";
  packet = plain();
  packet.status = Status::kAssigned;
  EXPECT_FALSE(taken(packet)) << "assigned to nobody";
  packet = plain();
  packet.owner = Owner{"not/an/id", 1};
  EXPECT_FALSE(taken(packet));
  packet = plain();
  packet.kept.resize(kKeptAnswers + 1, KeptAnswer{.member = "m"});
  EXPECT_FALSE(taken(packet));
  for (const char* key : {"ns", "ns/", "/id", "ns/a/b", "ns/ä", ""}) {
    packet = plain();
    packet.key = PacketKey::from_text(key);
    EXPECT_FALSE(taken(packet)) << key;
  }
}

TEST(HeadEncoding, another_form_is_refused_by_name) {
  std::string bytes = encode_head(plain());
  // An array of 21 takes three bytes; the version follows.
  ASSERT_EQ(bytes[3], 1) << "as it has no legs";
  bytes[3] = kHeadVersion + 1;
  const auto back = decode_head(bytes);
  ASSERT_FALSE(back);
  EXPECT_NE(back.error().detail.find("form 5"), std::string::npos) << back.error().detail;
}

TEST(HeadEncoding, a_head_with_legs_has_them_at_its_end) {
  Packet packet = plain();
  packet.legs = 3;
  packet.last_leg.fill(7);
  const std::string bytes = encode_head(packet);
  ASSERT_EQ(bytes[3], 2);
  EXPECT_EQ(bytes.substr(bytes.size() - 35), "\x03\xc4\x20" + std::string(32, 7));
  const auto back = decode_head(bytes);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->legs, 3u);
  EXPECT_EQ(back->last_leg, packet.last_leg);
  EXPECT_EQ(encode_head(*back), bytes);
  std::string none = bytes;
  none[bytes.size() - 35] = 0;
  EXPECT_FALSE(decode_head(none)) << "a form for every head, and no other";
  std::string fewer = encode_head(plain());
  fewer[3] = 2;
  EXPECT_FALSE(decode_head(fewer));
}

TEST(HeadEncoding, its_bytes_are_pinned) {
  // Databases hold these bytes: a change here needs a new form, and a reader for this one.
  std::string hex;
  for (const char byte : encode_head(plain())) {
    constexpr char kDigits[] = "0123456789abcdef";
    hex += kDigits[static_cast<uint8_t>(byte) >> 4];
    hex += kDigits[static_cast<uint8_t>(byte) & 15];
  }
  EXPECT_EQ(hex,
            "dc001501a56e732f69649fa09090a0a0a0a00000000100009400030ace00093a80c4200000000000"
            "000000000000000000000000000000000000000000000000000000900000000001c0c0a000000094"
            "c0c0c0c0c090000000");
}

}  // namespace
}  // namespace phoenix
