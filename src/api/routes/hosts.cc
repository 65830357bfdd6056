// Hosts, and the figures. A host that speaks to no others lists itself.

#include <algorithm>

#include "api/codec/decode_member.h"
#include "api/figures.h"
#include "api/routes/answers.h"
#include "api/routes/routes.h"
#include "base/json/fields.h"
#include "base/json/json_writer.h"
#include "runtime/hosts.h"

namespace phoenix {
namespace {

using gossip::HostRow;

std::string own_api(const ApiOptions& options) {
  if (!options.advertise.empty()) return options.advertise;
  return options.listen.empty() ? std::string() : options.listen.front();
}

// This host as it knows itself, without gossip.
HostRow lone_row(const RestCall& call) {
  HostRow row;
  row.name = call.host().name();
  row.incarnation = static_cast<uint32_t>(call.host().run());
  row.standing = gossip::ViewStanding::kOutside;
  row.since = call.now().mono;
  row.self = true;
  row.tags["weight"] = std::to_string(call.options().weight);
  row.tags["ver"] = call.options().version;
  row.tags["api"] = own_api(call.options());
  return row;
}

std::vector<HostRow> all_rows(const RestCall& call) {
  const Hosts* hosts = call.options().hosts;
  std::vector<HostRow> rows;
  if (hosts != nullptr) rows = hosts->rows();
  if (rows.empty()) rows.push_back(lone_row(call));
  return rows;
}

std::string_view status_of(const HostRow& row, bool draining) {
  if (row.self && draining) return "LEAVING";
  switch (row.state) {
    case gossip::SwimState::kAlive:
      return row.leaving ? "LEAVING" : "ALIVE";
    case gossip::SwimState::kSuspect:
      return row.leaving ? "LEAVING" : "SUSPECT";
    case gossip::SwimState::kDead:
      return "FAILED";
    case gossip::SwimState::kLeft:
      return "LEFT";
  }
  return "FAILED";
}

bool is_draining(const RestCall& call) {
  return call.options().draining && call.options().draining();
}

std::string tag(const HostRow& row, const char* name) {
  const auto found = row.tags.find(name);
  return found == row.tags.end() ? std::string() : showable(found->second);
}

// Only what a phoenix host said of itself counts as such; a foreign one's tags stand under `tags`.
void write_told(json::Writer& writer, const HostRow& row) {
  const bool foreign = row.standing == gossip::ViewStanding::kForeign;
  const std::string weight = foreign ? "" : tag(row, "weight");
  const bool number = !weight.empty() && weight.size() <= 5 &&
                      weight.find_first_not_of("0123456789") == std::string::npos;
  writer.key("weight");
  number ? writer.integer(std::stoi(weight)) : writer.null();
  writer.field_or_null("version", foreign ? "" : tag(row, "ver"));
  writer.field_or_null("api", foreign ? "" : tag(row, "api"));
  writer.field_or_null("peer", foreign ? "" : tag(row, "peer"));
}

// What only the host itself knows.
void write_own(json::Writer& writer, const RestCall& call) {
  const Host& host = call.host();
  const Stats& stats = host.node().stats();
  writer.flag("ready", host.cluster().health(call.now()).ready && !is_draining(call));
  writer.number("run", host.run());
  writer.number("slots", slot_keepers(call).kept_by(host.name()));
  writer.number("members", stats.members_now[static_cast<size_t>(MemberStatus::kActive)] +
                               stats.members_now[static_cast<size_t>(MemberStatus::kDraining)]);
  writer.number("livePackets", host.node().live_packets());
  writer.time_or_null("startedAt", host.started_at());
}

void write_host(json::Writer& writer, const RestCall& call, const HostRow& row) {
  const Now now = call.now();
  writer.begin_object();
  writer.field("name", showable(row.name));
  writer.flag("self", row.self);
  writer.field("status", status_of(row, is_draining(call)));
  writer.field("view", standing_name(row.standing));
  writer.field_or_null("viewWhy", showable(row.why));
  writer.number("incarnation", row.incarnation);
  write_told(writer, row);
  writer.field_or_null("gossip", row.endpoint.valid() ? to_string(row.endpoint) : std::string());
  writer.key("tags");
  writer.begin_object();
  for (const auto& [name, value] : row.tags) writer.field(showable(name), showable(value));
  writer.end_object();
  const WallMs since = now.wall - std::max<int64_t>(0, (now.mono - row.since).ms());
  writer.time_or_null("since", row.self ? call.host().started_at() : since);
  if (row.self) write_own(writer, call);
  writer.end_object();
}

void list_hosts(const RestCallPtr& call) {
  json::Faults faults;
  const ListRange range = list_range(call->query(), faults);
  if (faults.any()) return call->fail(faults.error());
  const std::vector<HostRow> rows = all_rows(*call);
  auto at = rows.begin();
  if (range.after) {
    at =
        std::upper_bound(rows.begin(), rows.end(), range.after->key,
                         [](const std::string& key, const HostRow& row) { return key < row.name; });
  }
  const auto end = at + std::min<ptrdiff_t>(range.limit, rows.end() - at);
  std::string body;
  json::Writer writer(body);
  writer.begin_object();
  writer.key("items");
  writer.begin_array();
  for (; at != end; ++at) write_host(writer, *call, *at);
  writer.end_array();
  if (end != rows.end()) {
    writer.field("nextCursor", encode_cursor(true, {.created_at = 0, .key = (end - 1)->name}));
  }
  write_position(writer, "asOf", call->host().last_event());
  writer.end_object();
  call->respond(200, std::move(body));
}

// The host of the path; nullopt: the call was answered.
std::optional<HostRow> find_host(const RestCallPtr& call) {
  for (HostRow& row : all_rows(*call)) {
    if (row.name == call->parameter(0)) return std::move(row);
  }
  call->fail(fail(ErrorKind::kNotFound, "no host \"" + call->parameter(0) + "\"").value());
  return std::nullopt;
}

void answer_with(const RestCallPtr& call, int status, const HostRow& row) {
  std::string body;
  json::Writer writer(body);
  write_host(writer, *call, row);
  call->respond(status, std::move(body));
}

void get_host(const RestCallPtr& call) {
  if (const auto row = find_host(call)) answer_with(call, 200, *row);
}

Error wrong_state(std::string detail) {
  return {.kind = ErrorKind::kWrongState, .detail = std::move(detail)};
}

struct Removal {
  bool prune = false;
};
constexpr json::Field<Removal> kRemovalFields[] = {
    {"prune", [](Removal& d, const json::Value& v, const json::Path& p,
                 json::Faults& f) { d.prune = json::read_bool(v, p, f).value_or(false); }},
};
Result<Removal> read_removal(const RestCall& call) {
  const auto document = call.document();
  if (!document) return tl::unexpected<Error>(document.error());
  Removal removal;
  json::Faults faults;
  json::read_object(kRemovalFields, removal, document->root(), {}, faults);
  if (faults.any()) return tl::unexpected<Error>(faults.error());
  return removal;
}

// Asked for by who may not reach the process: what SIGTERM does. Only a host itself can hand over
// what it holds, so another one is not made to leave from here.
void leave_host(const RestCallPtr& call) {
  const auto document = call->document();
  if (!document) return call->fail(document.error());
  if (auto empty = decode_empty(document->root()); !empty) return call->fail(empty.error());
  auto row = find_host(call);
  if (!row) return;
  if (!row->self) {
    const bool gone =
        row->state == gossip::SwimState::kDead || row->state == gossip::SwimState::kLeft;
    const std::string api = tag(*row, "api");
    std::string detail = "host \"" + showable(row->name) + "\" ";
    if (gone) {
      detail += "is not alive; remove it: POST /v1/hosts/" + showable(row->name) + "/remove";
    } else if (api.empty()) {
      detail += "leaves only when it is told itself, and it serves no API";
    } else {
      detail += "leaves only when it is told itself: POST the same path at " + api;
    }
    return call->fail(wrong_state(std::move(detail)));
  }
  if (!call->options().leave) {
    return call->fail(wrong_state("this host cannot be told to leave; end its process"));
  }
  row->leaving = true;
  answer_with(call, 202, *row);
  call->options().leave();
}

void remove_host(const RestCallPtr& call) {
  const auto removal = read_removal(*call);
  if (!removal) return call->fail(removal.error());
  auto row = find_host(call);
  if (!row) return;
  Hosts* hosts = call->options().hosts;
  if (row->self || hosts == nullptr) {
    return call->fail(wrong_state("this host is alive; make it leave: POST /v1/hosts/" +
                                  showable(row->name) + "/leave"));
  }
  if (auto done = hosts->remove(row->name, removal->prune); !done) {
    return call->fail(std::move(done.error()));
  }
  row->state = gossip::SwimState::kLeft;
  row->leaving = false;
  answer_with(call, 200, *row);
}

void get_dma(const RestCallPtr& call) {
  json::Faults faults;
  const bool values = call->query().flag("values", faults);
  if (faults.any()) return call->fail(faults.error());
  call->host().packet_counts([call, values](const Host::PacketCounts& packets) {
    call->respond(200, dma_json(call->host(), packets, values));
  });
}

void add(std::vector<Route>& table, std::string_view pattern, void (*handle)(const RestCallPtr&),
         std::vector<std::string_view> query = {}) {
  table.push_back(
      {"GET", pattern, handle, Access::kRole, kReader, BodyRule::kNone, std::move(query), true});
}

}  // namespace

void add_host_routes(std::vector<Route>& table) {
  add(table, "/v1/hosts", list_hosts, {"limit", "cursor"});
  add(table, "/v1/hosts/{name}", get_host);
  table.push_back({"POST",
                   "/v1/hosts/{name}/leave",
                   leave_host,
                   Access::kRole,
                   kOperator,
                   BodyRule::kOptional,
                   {},
                   true});
  table.push_back({"POST",
                   "/v1/hosts/{name}/remove",
                   remove_host,
                   Access::kRole,
                   kOperator,
                   BodyRule::kOptional,
                   {},
                   true});
  add(table, "/v1/dma", get_dma, {"values"});
}

}  // namespace phoenix
