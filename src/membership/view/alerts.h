// The two direct messages between filters, each one datagram of at most kMaxViewMessage bytes: the
// byte kViewMessage, then canonical msgpack.
//
//   [1, 1, number, from, [[host, kind] …]]    what `from` observes, under the view `number`
//   [1, 2, number, view | nil]                the newest view, without it where it is too long
//
// The first 1 is the version; others are refused.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "membership/view/view.h"

namespace phoenix::gossip {

enum class AlertKind : uint8_t {
  kDown = 0,   // does not answer
  kUp = 1,     // answers
  kReady = 2,  // is not in the view, and answered for as long as it had to
};

struct Alert {
  std::string_view host;
  AlertKind kind = AlertKind::kDown;
  bool operator==(const Alert&) const = default;
};

// Views point into the decoded bytes.
struct AlertMessage {
  uint64_t number = 0;
  std::string_view from;
  std::vector<Alert> alerts;  // at least one
};
struct NewestMessage {
  uint64_t number = 0;
  std::optional<View> view;
};
using DecodedMessage = std::variant<AlertMessage, NewestMessage>;

// As many messages as it takes.
std::vector<std::string> encode_alerts(const AlertMessage& message);
std::string encode_newest(const View& view);
bool decode(std::string_view bytes, DecodedMessage& out);

}  // namespace phoenix::gossip
