#include "membership/view/alerts.h"

#include <gtest/gtest.h>

#include "membership/view/view_filter.h"

namespace phoenix::gossip {
namespace {

TEST(Alerts, ReadWhatTheyWrote) {
  const AlertMessage message{
      9, "me", {{"a", AlertKind::kDown}, {"b", AlertKind::kUp}, {"c", AlertKind::kReady}}};
  const std::vector<std::string> parts = encode_alerts(message);
  ASSERT_EQ(parts.size(), 1u);
  EXPECT_EQ(parts[0][0], kViewMessage);
  DecodedMessage back;
  ASSERT_TRUE(decode(parts[0], back));
  const auto& alerts = std::get<AlertMessage>(back);
  EXPECT_EQ(alerts.number, 9u);
  EXPECT_EQ(alerts.from, "me");
  EXPECT_EQ(alerts.alerts, message.alerts);
}

TEST(Alerts, HaveTheseBytes) {
  EXPECT_EQ(encode_alerts({300, "b", {{"a", AlertKind::kUp}}})[0],
            std::string("\xe0\x95\x01\x01\xcd\x01\x2c\xa1"
                        "b\x91\x92\xa1"
                        "a\x01",
                        14));
  View view;
  view.number = 2;
  view.hosts = {{"a", 1, 100, 3}};
  EXPECT_EQ(encode_newest(view), std::string("\xe0\x94\x01\x02\x02\xc4\x0a\x93\x02\x91\x94\xa1"
                                             "a\x01\x64\x03\x90",
                                             17));
}

TEST(Alerts, AreCutIntoDatagrams) {
  std::vector<std::string> names;
  for (char c = 'a'; c < 'u'; ++c) names.push_back(std::string(kMaxHostName, c));
  const std::string from(kMaxHostName, 'z');
  AlertMessage message{UINT64_MAX, from, {}};
  for (const std::string& name : names) message.alerts.push_back({name, AlertKind::kDown});
  std::vector<Alert> back;
  const std::vector<std::string> parts = encode_alerts(message);
  EXPECT_EQ(parts.size(), 3u);
  for (const std::string& part : parts) {
    EXPECT_LE(part.size(), kMaxViewMessage);
    DecodedMessage decoded;
    ASSERT_TRUE(decode(part, decoded));
    const auto& alerts = std::get<AlertMessage>(decoded).alerts;
    back.insert(back.end(), alerts.begin(), alerts.end());
  }
  EXPECT_EQ(back, message.alerts);
  EXPECT_TRUE(encode_alerts({1, "me", {}}).empty());
}

TEST(Alerts, CarryTheNewestViewIfItFits) {
  View view;
  view.number = 77;
  for (int i = 10; i < 99; ++i) view.hosts.push_back({"host-" + std::to_string(i), 1, 100, 1});
  DecodedMessage back;
  std::string bytes = encode_newest(view);
  EXPECT_LE(bytes.size(), kMaxViewMessage);
  ASSERT_TRUE(decode(bytes, back));
  EXPECT_EQ(std::get<NewestMessage>(back).view, view);
  for (int i = 100; i < 199; ++i) view.hosts.push_back({"i" + std::to_string(i), 1, 100, 1});
  bytes = encode_newest(view);
  ASSERT_TRUE(decode(bytes, back));
  EXPECT_EQ(std::get<NewestMessage>(back).number, 77u);
  EXPECT_FALSE(std::get<NewestMessage>(back).view);
}

TEST(Alerts, RefuseWhatIsNotTheirs) {
  const std::string good = encode_alerts({300, "b", {{"a", AlertKind::kReady}}})[0];
  DecodedMessage out;
  ASSERT_TRUE(decode(good, out));
  for (size_t length = 0; length < good.size(); ++length) {
    EXPECT_FALSE(decode(good.substr(0, length), out)) << length;
  }
  EXPECT_FALSE(decode(good + std::string(1, '\0'), out)) << "more than one";
  const auto with = [&](size_t at, char byte) {
    std::string bytes = good;
    bytes[at] = byte;
    return bytes;
  };
  EXPECT_FALSE(decode(with(0, '\xe1'), out)) << "another message";
  EXPECT_FALSE(decode(with(2, 2), out)) << "another version";
  EXPECT_FALSE(decode(with(3, 3), out)) << "another kind";
  EXPECT_FALSE(decode(with(good.size() - 1, 3), out)) << "an unknown alert";
  EXPECT_FALSE(decode(std::string("\xe0\x95\x01\x01\x05\xa1"
                                  "b\x90",
                                  8),
                      out))
      << "says nothing";
  EXPECT_FALSE(decode(std::string("\xe0\x95\x01\x01\x05\xa0\x91\x92\xa1"
                                  "a\x01",
                                  11),
                      out))
      << "from nobody";
  EXPECT_FALSE(decode(std::string("\xe0\x94\x01\x02\x03\xc4\x04\x93\x02\x90\x90", 11), out))
      << "another number than its view's";
}

}  // namespace
}  // namespace phoenix::gossip
