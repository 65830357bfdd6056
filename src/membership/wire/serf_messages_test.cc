// Vectors: written by serf 0.10.2 with go-msgpack 2.1.2; where go-msgpack 0.5.5 (Debian's serf)
// writes another form, that one is what we write, and both are read.
#include "membership/wire/serf_messages.h"

#include <gtest/gtest.h>

#include <limits>

#include "membership/wire/test_hex.h"

namespace phoenix::gossip {
namespace {

template <typename Message>
void expect_vector(const Message& message, std::string_view hex, std::string_view also = {}) {
  EXPECT_EQ(to_hex(encode(message)), hex);
  for (const std::string_view form : {hex, also.empty() ? hex : also}) {
    const std::string golden = from_hex(form);
    Message decoded;
    ASSERT_TRUE(decode(std::string_view(golden).substr(1), decoded)) << form;
    EXPECT_EQ(to_hex(encode(decoded)), hex);
    for (size_t size = 1; size < golden.size(); ++size) {
      // A relay's message has no length of its own.
      if constexpr (!std::is_same_v<Message, Relay>) {
        EXPECT_FALSE(decode(std::string_view(golden).substr(1, size - 1), decoded)) << form << size;
      }
    }
  }
}

TEST(SerfMessages, IntentVectors) {
  expect_vector(LeaveIntent{9, "py1", false}, "0083a54c54696d6509a44e6f6465a3707931a55072756e65c2");
  expect_vector(LeaveIntent{uint64_t{1} << 40, "py1", true},
                "0083a54c54696d65cf0000010000000000a44e6f6465a3707931a55072756e65c3");
  expect_vector(JoinIntent{200, "n"}, "0182a54c54696d65ccc8a44e6f6465a16e");
}

TEST(SerfMessages, EventVector) {
  expect_vector(UserEvent{12, "deploy", "v1", true},
                "0384a24343c3a54c54696d650ca44e616d65a66465706c6f79a75061796c6f6164a27631");
}

TEST(SerfMessages, QueryVectors) {
  Filter names;
  names.nodes = {"a", "b"};
  const std::string by_name = encode(names);
  EXPECT_EQ(to_hex(by_name), "0092a161a162");
  Filter tag;
  tag.kind = Filter::Kind::kTag;
  tag.tag = "role";
  tag.expression = "^web";
  const std::string by_tag = encode(tag);
  EXPECT_EQ(to_hex(by_tag), "0182a445787072a45e776562a3546167a4726f6c65");

  const std::string address = from_hex("7f000001");
  Query query;
  query.ltime = 7;
  query.id = 3'000'000'000;
  query.address = address;
  query.port = 7946;
  query.source_node = "q";
  query.filters = {by_name, by_tag};
  query.flags = kQueryAck;
  query.relay_factor = 2;
  query.timeout_ns = 15'000'000'000;
  query.name = "load";
  query.payload = "p";
  const std::string head =
      "048ba441646472a47f000001a746696c7465727392a60092a161a162b50182a445787072a45e776562a3546167a4"
      "726f6c65a5466c61677301a24944ceb2d05e00a54c54696d6507a44e616d65a46c6f6164a75061796c6f6164a170"
      "a4506f7274cd1f0aab52656c6179466163746f7202aa536f757263654e6f6465a171a754696d656f7574";
  expect_vector(query, head + "cf000000037e11d600", head + "d3000000037e11d600");

  Query decoded;
  const std::string bytes = encode(query);
  ASSERT_TRUE(decode(std::string_view(bytes).substr(1), decoded));
  EXPECT_EQ(decoded.filters, query.filters);
  EXPECT_EQ(decoded.timeout_ns, query.timeout_ns);
  EXPECT_EQ(decoded.id, query.id);
}

TEST(SerfMessages, FiltersAreReadBack) {
  Filter filter;
  const std::string names = from_hex("0092a161a162");
  ASSERT_TRUE(decode_filter(names, filter));
  EXPECT_EQ(filter.kind, Filter::Kind::kNodes);
  EXPECT_EQ(filter.nodes, (std::vector<std::string_view>{"a", "b"}));
  const std::string tag = from_hex("0182a445787072a45e776562a3546167a4726f6c65");
  ASSERT_TRUE(decode_filter(tag, filter));
  EXPECT_EQ(filter.kind, Filter::Kind::kTag);
  EXPECT_EQ(filter.tag, "role");
  EXPECT_EQ(filter.expression, "^web");
  EXPECT_FALSE(decode_filter("", filter));
  EXPECT_FALSE(decode_filter(from_hex("0280"), filter));
  EXPECT_FALSE(decode_filter(from_hex("00"), filter));
  EXPECT_FALSE(decode_filter(from_hex("0092a161"), filter));
  EXPECT_FALSE(decode_filter(from_hex("0181a354616701"), filter));
}

TEST(SerfMessages, ResponseVector) {
  expect_vector(QueryResponse{7, 3'000'000'000, "r", kResponseIsAck, ""},
                "0585a5466c61677301a446726f6da172a24944ceb2d05e00a54c54696d6507a75061796c6f6164c0");
}

TEST(SerfMessages, StateVectors) {
  SerfState state;
  state.ltime = state.event_ltime = state.query_ltime = 1;
  expect_vector(state,
                "0286aa4576656e744c54696d6501a64576656e7473c0a54c54696d6501ab4c6566744d656d62657273"
                "c0aa51756572794c54696d6501ac5374617475734c54696d657380");
  state.ltime = 3;
  state.status_ltimes = {{"a", 300}};
  state.left_members = {"z"};
  state.event_ltime = 5;
  state.events = {{4, {{"deploy", "1"}, {"x", ""}}}};
  state.query_ltime = 6;
  const std::string head = "0286aa4576656e744c54696d6505a64576656e7473";
  const std::string slot =
      "82a64576656e74739282a44e616d65a66465706c6f79a75061796c6f6164a13182a44e616d65a178a75061796c6f"
      "6164c0a54c54696d6504";
  const std::string tail =
      "a54c54696d6503ab4c6566744d656d6265727391a17aaa51756572794c54696d6506ac5374617475734c54696d65"
      "7381a161cd012c";
  // Serf sends its whole buffer, the empty slots as nil.
  expect_vector(state, head + "91" + slot + tail, head + "93c0" + slot + "c0" + tail);
}

TEST(SerfMessages, AStateStandsForNoMoreThanItSays) {
  SerfState state;
  const auto events = [&](const std::string& slots) {
    return decode(from_hex("81a64576656e7473") + slots, state);
  };
  EXPECT_TRUE(events(from_hex("dc1000") + std::string(4'096, '\xc0')));
  EXPECT_TRUE(state.events.empty());
  EXPECT_FALSE(events(from_hex("dc1001") + std::string(4'097, '\xc0')));
  const auto slot = [](size_t count) {
    std::string bytes = from_hex("92 01 dd0000");
    bytes.push_back(static_cast<char>(count >> 8));
    bytes.push_back(static_cast<char>(count));
    return bytes + std::string(count, '\x80');
  };
  EXPECT_TRUE(events(from_hex("92") + slot(20'000) + slot(12'768)));
  EXPECT_FALSE(events(from_hex("92") + slot(20'000) + slot(12'769)));
  EXPECT_FALSE(
      decode(from_hex("81ab4c6566744d656d62657273dd00020001") + std::string(kMaxNames + 1, '\xa0'),
             state));
  EXPECT_FALSE(decode(from_hex("81ac5374617475734c54696d6573ddffffffff"), state));
}

TEST(SerfMessages, InternalAnswerVectors) {
  const std::string address = from_hex("0a000009");
  ConflictResponse conflict;
  conflict.name = "n";
  conflict.address = address;
  conflict.port = 7946;
  conflict.tags = {{"role", "web"}};
  expect_vector(
      conflict,
      "068ba441646472a40a000009ab44656c656761746543757205ab44656c65676174654d617805ab44656c"
      "65676174654d696e02a44e616d65a16ea4506f7274cd1f0aab50726f746f636f6c43757202ab50726f74"
      "6f636f6c4d617805ab50726f746f636f6c4d696e01a653746174757301a45461677381a4726f6c65a377"
      "6562");
  expect_vector(KeyRequest{"0123456789abcdef"}, "0781a34b6579b030313233343536373839616263646566");
  KeyResponse response;
  response.result = true;
  response.keys = {"a2V5MQ==", "a2V5Mg=="};
  response.primary = "a2V5MQ==";
  expect_vector(
      response,
      "0884a44b65797392a8613256354d513d3da8613256354d673d3da74d657373616765a0aa5072696d6172"
      "794b6579a8613256354d513d3da6526573756c74c3");
  // Peers that know of no primary key.
  const std::string old = from_hex("83a44b65797390a74d657373616765a16da6526573756c74c2");
  ASSERT_TRUE(decode(old, response));
  EXPECT_EQ(response.primary, "");
  EXPECT_EQ(response.message, "m");
  EXPECT_FALSE(response.result);
}

TEST(SerfMessages, RelayVector) {
  const std::string address = from_hex("0a000001");
  const std::string inner = encode(QueryResponse{7, 1, "r", 0, ""});
  const std::string head = "0982a8446573744164647283a24950a40a000001a4506f7274";
  const std::string end =
      "a45a6f6e65a0a8446573744e616d65a4646573740585a5466c61677300a446726f6da172a2494401a54c54696d65"
      "07a75061796c6f6164c0";
  expect_vector(Relay{address, 7946, "dest", inner}, head + "cd1f0a" + end, head + "d11f0a" + end);
  Relay relay;
  EXPECT_FALSE(decode(from_hex("82a8446573744164647280a8446573744e616d65a164"), relay));
}

TEST(SerfMessages, TagVectors) {
  EXPECT_EQ(to_hex(encode_tags({{"role", "web"}})), "ff81a4726f6c65a3776562");
  EXPECT_EQ(to_hex(encode_tags({})), "ff80");
  const std::map<std::string, std::string> seen = {{"caps", "search,plan"}, {"role", "pyforeign"}};
  EXPECT_EQ(tags_of(encode_tags(seen)), seen);
  EXPECT_EQ(tags_of(from_hex("ff82a162a131a161a132")),
            (std::map<std::string, std::string>{{"a", "2"}, {"b", "1"}}));
}

TEST(SerfMessages, MetaThatIsNoMapIsARole) {
  EXPECT_EQ(tags_of("web"), (std::map<std::string, std::string>{{"role", "web"}}));
  EXPECT_EQ(find_tag("web", "role"), "web");
  EXPECT_EQ(tags_of(""), (std::map<std::string, std::string>{}));
}

TEST(SerfMessages, OfEqualTagsTheLastCounts) {
  const std::string meta = from_hex("ff84a162a131a161a132a162a133a161a134");
  TagViews tags;
  ASSERT_TRUE(decode_tags(meta, tags));
  EXPECT_EQ(tags, (TagViews{{"a", "4"}, {"b", "3"}}));
  EXPECT_EQ(find_tag(meta, "b"), "3");
  EXPECT_EQ(find_tag(meta, "c"), "");
}

TEST(SerfMessages, MalformedTagsAreNone) {
  TagViews tags;
  for (const std::string_view hex :
       {"ff", "ff81", "ff81a161", "ff810101", "ff81a16101", "ffc1", "ff91a161", "ffdfffffffff"}) {
    EXPECT_FALSE(decode_tags(from_hex(hex), tags)) << hex;
    EXPECT_TRUE(tags_of(from_hex(hex)).empty()) << hex;
    EXPECT_EQ(find_tag(from_hex(hex), "a"), "") << hex;
  }
  EXPECT_TRUE(decode_tags(std::string(kMaxMeta, 'r'), tags));
  EXPECT_FALSE(decode_tags(std::string(kMaxMeta + 1, 'r'), tags));
}

TEST(SerfMessages, CoordinateVector) {
  Coordinate coordinate;
  coordinate.vec[0] = 0.5;
  coordinate.vec[7] = -0.25;
  coordinate.adjustment = 1e-4;
  constexpr std::string_view kHex =
      "0184aa41646a7573746d656e74cb3f1a36e2eb1c432da54572726f72cb3ff8000000000000a6486569676874cb3e"
      "e4f8b588e368f1a356656398cb3fe0000000000000cb0000000000000000cb0000000000000000cb000000000000"
      "00"
      "00cb0000000000000000cb0000000000000000cb0000000000000000cbbfd0000000000000";
  EXPECT_EQ(to_hex(encode_ack_payload(coordinate)), kHex);
  Coordinate decoded;
  ASSERT_TRUE(decode_ack_payload(from_hex(kHex), decoded));
  EXPECT_EQ(decoded.vec, coordinate.vec);
  EXPECT_EQ(decoded.adjustment, 1e-4);
  EXPECT_EQ(decoded.error, 1.5);
  EXPECT_EQ(decoded.height, 1e-5);
}

TEST(SerfMessages, CoordinatesThatAreNoneAreRefused) {
  const std::string good = encode_ack_payload({});
  Coordinate out;
  EXPECT_FALSE(decode_ack_payload("", out));
  EXPECT_FALSE(decode_ack_payload("\x02" + good.substr(1), out));
  EXPECT_FALSE(decode_ack_payload(good.substr(0, good.size() - 1), out));
  EXPECT_FALSE(decode_ack_payload(from_hex("0180"), out));                // no place at all
  EXPECT_FALSE(decode_ack_payload(from_hex("0181a3566563920102"), out));  // two dimensions
  for (const double wrong :
       {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity(),
        -std::numeric_limits<double>::infinity()}) {
    Coordinate bad;
    bad.vec[3] = wrong;
    EXPECT_FALSE(decode_ack_payload(encode_ack_payload(bad), out));
    bad = {};
    bad.height = wrong;
    EXPECT_FALSE(decode_ack_payload(encode_ack_payload(bad), out));
    bad = {};
    bad.error = wrong;
    EXPECT_FALSE(decode_ack_payload(encode_ack_payload(bad), out));
    bad = {};
    bad.adjustment = wrong;
    EXPECT_FALSE(decode_ack_payload(encode_ack_payload(bad), out));
  }
}

}  // namespace
}  // namespace phoenix::gossip
