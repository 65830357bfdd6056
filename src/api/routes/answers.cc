#include "api/routes/answers.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "api/codec/digest.h"
#include "api/codec/problem.h"
#include "base/key.h"

namespace phoenix {
namespace {

// Query parameters that stand for a field of the same name when ?raw=true, and their form in JSON.
enum class Form : uint8_t { kText, kNumber, kList, kLabels };
struct RawField {
  std::string_view parameter;
  std::string_view field;
  Form form;
};
constexpr RawField kRawFields[] = {
    {"id", "id", Form::kText},
    {"name", "name", Form::kText},
    {"label", "labels", Form::kLabels},
    {"requiredCapabilities", "requiredCapabilities", Form::kList},
    {"capabilityMatch", "capabilityMatch", Form::kText},
    {"policyTags", "policyTags", Form::kList},
    {"affinityKey", "affinityKey", Form::kText},
    {"spread", "spread", Form::kText},
    {"priority", "priority", Form::kNumber},
    {"load", "load", Form::kNumber},
    {"notBefore", "notBefore", Form::kText},
    {"deadline", "deadline", Form::kText},
    {"attemptTimeoutSeconds", "attemptTimeoutSeconds", Form::kNumber},
    {"maxAttempts", "maxAttempts", Form::kNumber},
    {"maxLosses", "maxLosses", Form::kNumber},
    {"retainSeconds", "retainSeconds", Form::kNumber},
    {"traceparent", "traceparent", Form::kText},
    {"tracestate", "tracestate", Form::kText},
    {"epoch", "epoch", Form::kNumber},
    {"seq", "seq", Form::kNumber},
    {"as", "as", Form::kText},
    {"signature", "signature", Form::kText},
};

// Digits go in as a number; anything else as a string, for the decoder to name the fault.
void write_number_text(json::Writer& writer, const std::string& text) {
  const size_t first = text.starts_with('-') ? 1 : 0;
  const bool digits = text.size() > first && text.size() < 20 &&
                      text.find_first_not_of("0123456789", first) == std::string::npos &&
                      (text[first] != '0' || text.size() == first + 1);
  digits ? writer.raw(text) : writer.string(text);
}

void write_labels(json::Writer& writer, const std::vector<std::string>& labels) {
  writer.begin_object();
  for (const auto& text : labels) {
    const size_t equals = std::min(text.find('='), text.size());
    writer.field(text.substr(0, equals), text.substr(std::min(equals + 1, text.size())));
  }
  writer.end_object();
}

std::string path_of(std::string_view noun, std::string_view ns, std::string_view id) {
  std::string path = "/v1/" + std::string(noun) + "/" + std::string(id);
  if (ns != "default") path += "?namespace=" + std::string(ns);
  return path;
}

Error not_found(std::string_view noun, const std::string& id, const std::string& ns) {
  Error error;
  error.kind = ErrorKind::kNotFound;
  error.detail = "no " + std::string(noun) + " \"" + id + "\" in namespace \"" + ns + "\"";
  return error;
}

void fail_gone(const RestCallPtr& call, std::string_view id, Status status, WallMs created_at,
               WallMs ended_at) {
  Error error;
  error.kind = ErrorKind::kGone;
  error.detail = "packet \"" + std::string(id) + "\" has ended and its retention is over";
  error.packet_status = status_name(status);
  std::string extra;
  json::Writer writer(extra);
  writer.field("id", id);
  writer.time_or_null("createdAt", created_at);
  writer.time_or_null("endedAt", ended_at);
  call->fail(std::move(error), extra);
}

using Then = std::function<void(const RestCallPtr&, const PacketView&)>;

void fetch_stored(const RestCallPtr& call, const PacketKey& key, Then then) {
  call->read<PacketLookup>(
      [key](Reader& reader) { return reader.get(key); },
      [key, then = std::move(then)](const RestCallPtr& self, PacketLookup lookup) {
        if (lookup.tombstone) {
          const Tombstone& left = *lookup.tombstone;
          return fail_gone(self, key.id(), left.status, left.created_at, left.ended_at);
        }
        if (!lookup.head) {
          return self->fail(not_found("packet", std::string(key.id()), std::string(key.ns())));
        }
        if (retention_over(*lookup.head, self->host().now().wall)) {
          const Packet& head = *lookup.head;
          return fail_gone(self, key.id(), head.status, head.created_at, head.ended_at);
        }
        PacketView view;
        view.status = lookup.head->status;
        view.head = std::make_shared<Packet>(std::move(*lookup.head));
        then(self, view);
      });
}

void await_packet(const RestCallPtr& call, const PacketKey& key, Duration wait, Then then) {
  call->send(
      call->as_principal(), AwaitPacket{key, wait},
      [then = std::move(then)](const RestCallPtr& self, const ReplyBody& reply) {
        const auto* packet = std::get_if<PacketReply>(&reply);
        if (packet == nullptr) return self->fail(unexpected_reply());
        then(self, packet->packet);
      },
      wait);
}

}  // namespace

Result<PacketKey> packet_key(const RestCall& call) {
  if (valid_id(call.parameter(0))) return PacketKey(call.ns(), call.parameter(0));
  return tl::unexpected(not_found("packet", call.parameter(0), call.ns()));
}

Result<MemberKey> member_key(const RestCall& call) {
  if (valid_id(call.parameter(0))) return MemberKey(call.ns(), call.parameter(0));
  return tl::unexpected(not_found("member", call.parameter(0), call.ns()));
}

std::string packet_path(const PacketKey& key) { return path_of("packets", key.ns(), key.id()); }
std::string member_path(const MemberKey& key) { return path_of("members", key.ns(), key.id()); }
std::string etag(uint64_t revision) { return "\"" + std::to_string(revision) + "\""; }

std::string showable(std::string_view text) {
  std::string out(text);
  if (valid_utf8(text)) return out;
  for (char& c : out) {
    if (static_cast<unsigned char>(c) >= 0x80) c = '?';
  }
  return out;
}

SlotKeepers slot_keepers(const RestCall& call) {
  const ClusterView& view = call.host().cluster().view();
  if (!call.host().alone() && view.number > 0) {
    std::vector<HostWeight> hosts;
    for (const ClusterHost& host : view.hosts) hosts.push_back({host.life.host, host.weight});
    return {call.node().placement().key(), hosts};
  }
  const std::array known = {
      HostWeight{call.host().name(), static_cast<uint32_t>(call.options().weight)}};
  return {call.node().placement().key(), known};
}

std::string derived_id(std::string_view prefix, std::string_view kind, const Digest& scope,
                       uint64_t index) {
  const Digest digest =
      Sha256()
          .part(kind)
          .part(std::string_view(reinterpret_cast<const char*>(scope.data()), scope.size()))
          .part(index)
          .finish();
  // The first digit of a ULID is at most 7.
  constexpr std::string_view kDigits = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
  std::string id(prefix);
  for (size_t i = 0; i < 26; ++i) id += kDigits[digest[i] & (i == 0 ? 7 : 31)];
  return id;
}

void write_position(json::Writer& writer, std::string_view name, const EventCursor& position) {
  if (position.plain()) {
    writer.number(name, position.position(kOwnLog));
  } else {
    writer.field(name, position.text());
  }
}

Extras extras_of(const RestCall& call, const PacketView& view) {
  Extras extras;
  const auto& parked = view.parked ? view.parked : view.head->parked;
  if (parked && parked->reason == ParkReason::kNoCapableMember) {
    if (auto explanation = call.node().explain(view.head->key)) {
      extras.missing = std::move(explanation->walk.missing);
    }
  }
  return extras;
}

bool retention_over(const Packet& head, WallMs now) {
  return is_terminal(head.status) && head.ended_at != kNoWall &&
         head.ended_at + int64_t{head.spec->retain_seconds} * 1000 <= now;
}

void fetch_packet(const RestCallPtr& call, Then then) {
  auto key = packet_key(*call);
  if (!key) return call->fail(std::move(key.error()));
  json::Faults faults;
  const int64_t wait_ms = call->query().integer("waitMs", 0, kMaxWaitMs, faults).value_or(0);
  if (faults.any()) return call->fail(faults.error());
  const auto view = call->node().find(*key);
  const Duration wait = milliseconds(wait_ms);
  if (view) {
    if (wait_ms == 0 || is_terminal(view->status)) return then(call, *view);
    return await_packet(call, *key, wait, std::move(then));
  }
  if (call->host().alone()) return fetch_stored(call, *key, std::move(then));
  // One that lives is another host's, which knows more of it than is durable.
  fetch_stored(call, *key,
               [key = *key, wait, then = std::move(then)](const RestCallPtr& self,
                                                          const PacketView& stored) {
                 if (is_terminal(stored.status)) return then(self, stored);
                 await_packet(self, key, wait, then);
               });
}

Error no_result(const PacketView& view) {
  Error error;
  error.kind = ErrorKind::kWrongState;
  error.packet_status = status_name(view.status);
  error.epoch = view.head->epoch;
  error.revision = view.head->revision;
  error.detail = "the packet is " + error.packet_status +
                 (is_terminal(view.status) ? ": it will never have a result"
                                           : ": it has no result yet; ?waitMs= waits for it");
  json::Writer writer(error.last_error);
  write_last_error(writer, view.head->last_error.get());
  return error;
}

Error unexpected_reply() {
  Error error;
  error.kind = ErrorKind::kInternal;
  error.detail = "the host answered in a form that this call does not know";
  return error;
}

std::string fields_of_query(const Query& query) {
  std::string text;
  json::Writer writer(text);
  writer.begin_object();
  for (const auto& row : kRawFields) {
    if (query.find(row.parameter) == nullptr) continue;
    writer.key(row.field);
    switch (row.form) {
      case Form::kText:
        writer.string(*query.find(row.parameter));
        break;
      case Form::kNumber:
        write_number_text(writer, *query.find(row.parameter));
        break;
      case Form::kLabels:
        write_labels(writer, query.all(row.parameter));
        break;
      case Form::kList:
        writer.begin_array();
        for (const auto& name : query.list(row.parameter)) writer.string(name);
        writer.end_array();
        break;
    }
  }
  writer.end_object();
  return text;
}

std::vector<std::string_view> raw_packet_parameters() {
  return {"id",
          "name",
          "label...",
          "requiredCapabilities...",
          "capabilityMatch",
          "policyTags...",
          "affinityKey",
          "spread",
          "priority",
          "load",
          "notBefore",
          "deadline",
          "attemptTimeoutSeconds",
          "maxAttempts",
          "maxLosses",
          "retainSeconds",
          "traceparent",
          "tracestate"};
}

std::optional<Error> only_for_raw(const Query& query) {
  for (const auto& row : kRawFields) {
    if (query.find(row.parameter) == nullptr) continue;
    return invalid("query:" + std::string(row.parameter),
                   "goes into the body; in the query only beside ?raw=true")
        .value();
  }
  return std::nullopt;
}

ListRange list_range(const Query& query, json::Faults& faults) {
  ListRange range;
  range.limit = static_cast<uint32_t>(query.integer("limit", 1, 1000, faults).value_or(100));
  if (const std::string* order = query.find("order")) {
    if (*order != "asc" && *order != "desc") {
      faults.add("query:order", "\"" + *order + "\" is not allowed: asc or desc");
    }
    range.ascending = *order != "desc";
  }
  const std::string* cursor = query.find("cursor");
  if (cursor == nullptr) return range;
  // "a" or "d", createdAt, space, key.
  const auto text = json::decode_base64url(*cursor);
  const size_t space = text ? text->find(' ') : std::string::npos;
  ListPosition position;
  bool good = space != std::string::npos && ((*text)[0] == 'a' || (*text)[0] == 'd');
  if (good) {
    const char* end = text->data() + space;
    const auto parsed = std::from_chars(text->data() + 1, end, position.created_at);
    good = parsed.ec == std::errc() && parsed.ptr == end;
    position.key = text->substr(space + 1);
  }
  if (!good) {
    faults.add("query:cursor", "is no cursor that a list has given as nextCursor");
  } else if (((*text)[0] == 'a') != range.ascending) {
    faults.add("query:cursor", "comes from a list of the other order");
  } else {
    range.after = std::move(position);
  }
  return range;
}

std::string encode_cursor(bool ascending, const ListPosition& position) {
  return json::encode_base64url((ascending ? "a" : "d") + std::to_string(position.created_at) +
                                " " + position.key);
}

}  // namespace phoenix
