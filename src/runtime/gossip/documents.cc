#include "runtime/gossip/documents.h"

#include <boost/json.hpp>
#include <charconv>
#include <optional>
#include <type_traits>

#include "net/address.h"
#include "net/sockets/ip_port.h"

namespace phoenix::gossip {
namespace {

namespace json = boost::json;

tl::unexpected<Error> broken(std::string_view why) {
  return fail(ErrorKind::kStoreUnreachable, std::string(why));
}

std::optional<json::object> parse_object(std::string_view text) {
  json::error_code error;
  json::value value = json::parse(json::string_view(text.data(), text.size()), error);
  if (error || !value.is_object()) return std::nullopt;
  return std::move(value.get_object());
}

const json::value* find(const json::object& object, const char* name) {
  return object.if_contains(name);
}

template <class Number>
bool read_number(const json::object& object, const char* name, Number& out) {
  const json::value* value = find(object, name);
  if (value == nullptr) return false;
  json::error_code error;
  const Number number = value->to_number<Number>(error);
  if (error || value->is_double()) return false;
  if constexpr (std::is_signed_v<Number>) {
    if (number < 0) return false;
  }
  out = number;
  return true;
}

bool read_text(const json::object& object, const char* name, size_t limit, std::string& out) {
  const json::value* value = find(object, name);
  if (value == nullptr || !value->is_string() || value->get_string().size() > limit) return false;
  out.assign(value->get_string().data(), value->get_string().size());
  return true;
}

const json::array* read_list(const json::object& object, const char* name) {
  const json::value* value = find(object, name);
  if (value == nullptr || !value->is_array() || value->get_array().size() > kMaxViewHosts) {
    return nullptr;
  }
  return &value->get_array();
}

bool read_name(const json::object& item, std::string& name) {
  return read_text(item, "name", kMaxHostName, name) && !name.empty();
}

bool read_host(const json::object& item, ViewHost& out) {
  std::string boot;
  if (!read_name(item, out.name) || !read_number(item, "incarnation", out.incarnation) ||
      !read_number(item, "weight", out.weight) || !read_text(item, "boot", 20, boot)) {
    return false;
  }
  const auto parsed = std::from_chars(boot.data(), boot.data() + boot.size(), out.boot);
  return parsed.ec == std::errc() && parsed.ptr == boot.data() + boot.size();
}

bool read_removed(const json::object& item, RemovedHost& out) {
  return read_name(item, out.name) && read_number(item, "incarnation", out.incarnation) &&
         read_number(item, "times", out.times) && read_number(item, "number", out.number);
}

template <class Host>
bool follows(const std::vector<Host>& hosts, const std::string& name) {
  return hosts.empty() || hosts.back().name < name;
}

// The parser takes nothing but UTF-8, so nothing else may be written.
bool is_utf8(const std::string& text) {
  json::error_code error;
  json::parse(json::serialize(json::string(text)), error);
  return !error;
}

// One host a line: files that people look at.
std::string lines(const json::object& head, const char* list, const json::array& items) {
  std::string text = json::serialize(head);
  text.pop_back();
  text.append(",\"").append(list).append("\":[");
  for (size_t i = 0; i < items.size(); ++i) {
    text += i == 0 ? "\n" : ",\n";
    text += json::serialize(items[i]);
  }
  return text + "]}\n";
}

}  // namespace

Endpoint endpoint_of(const IpPort& from) {
  Endpoint out;
  out.ip = from.ip;
  out.size = from.size;
  out.port = from.port;
  return out;
}

IpPort ip_port_of(const Endpoint& endpoint) {
  IpPort out;
  out.ip = endpoint.ip;
  out.size = endpoint.size;
  out.port = endpoint.port;
  return out;
}

Endpoint endpoint_from(std::string_view text) {
  const auto address = parse_address(text);
  const auto numbers = address ? ip_port(*address) : std::nullopt;
  return numbers ? endpoint_of(*numbers) : Endpoint();
}

std::string render(const Remembered& remembered) {
  json::object head;
  head["incarnation"] = remembered.incarnation;
  head["clock"] = remembered.clock;
  head["eventClock"] = remembered.event_clock;
  head["queryClock"] = remembered.query_clock;
  json::array hosts;
  for (const RememberedHost& known : remembered.hosts) {
    json::object host;
    host["name"] = is_utf8(known.name) ? known.name : std::string();
    host["address"] = phoenix::to_string(to_address(ip_port_of(known.endpoint)));
    host["firstSeenMs"] = known.first_seen;
    host["lastSeenMs"] = known.last_seen;
    hosts.push_back(std::move(host));
  }
  return lines(head, "hosts", hosts);
}

Result<Remembered> parse_remembered(std::string_view text) {
  const auto object = parse_object(text);
  if (!object) return broken("it is no whole JSON object");
  Remembered out;
  const json::array* hosts = read_list(*object, "hosts");
  if (!read_number(*object, "incarnation", out.incarnation) ||
      !read_number(*object, "clock", out.clock) ||
      !read_number(*object, "eventClock", out.event_clock) ||
      !read_number(*object, "queryClock", out.query_clock) || hosts == nullptr) {
    return broken("a field is missing or of the wrong form");
  }
  for (const json::value& item : *hosts) {
    RememberedHost known;
    std::string address;
    if (!item.is_object() || !read_text(item.get_object(), "name", kMaxHostName, known.name) ||
        !read_text(item.get_object(), "address", 64, address) ||
        !read_number(item.get_object(), "firstSeenMs", known.first_seen) ||
        !read_number(item.get_object(), "lastSeenMs", known.last_seen)) {
      return broken("one of its hosts is of the wrong form");
    }
    known.endpoint = endpoint_from(address);
    if (!known.endpoint.valid()) return broken("\"" + address + "\" is no address");
    out.hosts.push_back(std::move(known));
  }
  return out;
}

std::string render(const PoolNames& names) {
  json::object object;
  object["pool"] = names.pool;
  object["store"] = names.store;
  return json::serialize(object) + "\n";
}

Result<PoolNames> parse_pool_names(std::string_view text) {
  const auto object = parse_object(text);
  if (!object) return broken("it is no whole JSON object");
  PoolNames out;
  if (!read_text(*object, "pool", 64, out.pool) || out.pool.empty() ||
      !read_text(*object, "store", 64, out.store) || out.store.empty()) {
    return broken("\"pool\" and \"store\" must be texts of 1 to 64 bytes");
  }
  return out;
}

std::string render(const View& view) {
  json::object head;
  head["number"] = view.number;
  json::array removed;
  for (const RemovedHost& host : view.removed) {
    json::object item;
    item["name"] = host.name;
    item["incarnation"] = host.incarnation;
    item["times"] = host.times;
    item["number"] = host.number;
    removed.push_back(std::move(item));
  }
  head["removed"] = std::move(removed);
  json::array hosts;
  for (const ViewHost& host : view.hosts) {
    json::object item;
    item["name"] = host.name;
    item["incarnation"] = host.incarnation;
    item["weight"] = host.weight;
    item["boot"] = std::to_string(host.boot);  // most readers of JSON lose digits beyond 2^53
    hosts.push_back(std::move(item));
  }
  return lines(head, "hosts", hosts);
}

Result<View> parse_view(std::string_view text) {
  const auto object = parse_object(text);
  if (!object) return broken("it is no whole JSON object");
  View out;
  const json::array* hosts = read_list(*object, "hosts");
  const json::array* removed = read_list(*object, "removed");
  if (!read_number(*object, "number", out.number) || hosts == nullptr || removed == nullptr) {
    return broken("\"number\", \"hosts\" or \"removed\" is missing or of the wrong form");
  }
  for (const json::value& item : *hosts) {
    ViewHost host;
    if (!item.is_object() || !read_host(item.get_object(), host) ||
        !follows(out.hosts, host.name)) {
      return broken("one of its hosts is of the wrong form, or not in the order of the names");
    }
    out.hosts.push_back(std::move(host));
  }
  for (const json::value& item : *removed) {
    RemovedHost host;
    if (!item.is_object() || !read_removed(item.get_object(), host) ||
        !follows(out.removed, host.name)) {
      return broken("one removed host is of the wrong form, or not in the order of the names");
    }
    out.removed.push_back(std::move(host));
  }
  return out;
}

}  // namespace phoenix::gossip
