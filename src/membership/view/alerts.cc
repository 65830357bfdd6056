#include "membership/view/alerts.h"

#include <utility>

#include "base/msgpack.h"
#include "membership/view/view_filter.h"

namespace phoenix::gossip {
namespace {

constexpr uint64_t kVersion = 1;
constexpr uint64_t kAlerts = 1, kNewest = 2;
// Type byte, two arrays, version, kind, number, length of `from`: at most.
constexpr size_t kHeadBytes = 24;
constexpr size_t kBytesPerAlert = 4;  // array, length of at most two bytes, kind

std::string encode_part(const AlertMessage& message, size_t first, size_t end) {
  std::string out(1, kViewMessage);
  MsgpackWriter writer(out);
  writer.array(5);
  writer.uint(kVersion);
  writer.uint(kAlerts);
  writer.uint(message.number);
  writer.str(message.from);
  writer.array(static_cast<uint32_t>(end - first));
  for (size_t i = first; i < end; ++i) {
    writer.array(2);
    writer.str(message.alerts[i].host);
    writer.uint(static_cast<uint64_t>(message.alerts[i].kind));
  }
  return out;
}

std::string_view read_name(MsgpackReader& in) {
  const std::string_view name = in.str();
  if (name.empty() || name.size() > kMaxHostName) in.reject();
  return name;
}

bool decode_alerts(MsgpackReader& in, AlertMessage& out) {
  out.number = in.uint();
  out.from = read_name(in);
  const uint32_t count = in.array();
  if (count == 0) in.reject();
  for (uint32_t i = 0; i < count && in.ok(); ++i) {
    in.array_of(2);
    const std::string_view host = read_name(in);
    out.alerts.push_back({host, static_cast<AlertKind>(in.uint(2))});
  }
  return in.at_end();
}

bool decode_newest(MsgpackReader& in, NewestMessage& out) {
  out.number = in.uint();
  if (in.next_is_nil()) {
    in.nil();
    return in.at_end();
  }
  View view;
  if (!decode(in.bin(), view) || view.number != out.number) return false;
  out.view = std::move(view);
  return in.at_end();
}

}  // namespace

std::vector<std::string> encode_alerts(const AlertMessage& message) {
  std::vector<std::string> out;
  size_t first = 0, bytes = kHeadBytes + message.from.size();
  for (size_t i = 0; i < message.alerts.size(); ++i) {
    const size_t more = kBytesPerAlert + message.alerts[i].host.size();
    if (bytes + more > kMaxViewMessage && i > first) {
      out.push_back(encode_part(message, first, i));
      first = i;
      bytes = kHeadBytes + message.from.size();
    }
    bytes += more;
  }
  if (first < message.alerts.size()) {
    out.push_back(encode_part(message, first, message.alerts.size()));
  }
  return out;
}

std::string encode_newest(const View& view) {
  std::string out(1, kViewMessage);
  MsgpackWriter writer(out);
  writer.array(4);
  writer.uint(kVersion);
  writer.uint(kNewest);
  writer.uint(view.number);
  // An entry takes six bytes at least: a view that cannot fit is not encoded in vain.
  const bool maybe = (view.hosts.size() + view.removed.size()) * 6 < kMaxViewMessage;
  const std::string whole = maybe ? encode(view) : std::string();
  if (maybe && out.size() + whole.size() + 3 <= kMaxViewMessage) {
    writer.bin(whole);
  } else {
    writer.nil();
  }
  return out;
}

bool decode(std::string_view bytes, DecodedMessage& out) {
  if (bytes.empty() || bytes.size() > kMaxViewMessage || bytes[0] != kViewMessage) return false;
  MsgpackReader in(bytes.substr(1));
  const uint32_t fields = in.array();
  if (in.uint() != kVersion) return false;
  const uint64_t kind = in.uint();
  if (kind == kAlerts && fields == 5) return decode_alerts(in, out.emplace<AlertMessage>());
  if (kind == kNewest && fields == 4) return decode_newest(in, out.emplace<NewestMessage>());
  return false;
}

}  // namespace phoenix::gossip
