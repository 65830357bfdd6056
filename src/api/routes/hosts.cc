// Hosts, the ring, and the figures.

#include <algorithm>

#include "api/codec/json_writer.h"
#include "api/figures.h"
#include "api/routes/answers.h"
#include "api/routes/routes.h"

namespace phoenix {
namespace {

constexpr size_t kMaxPoints = 100'000;  // v-nodes that one answer lists

void write_host(json::Writer& writer, const RestCall& call) {
  const Host& host = call.host();
  const Stats& stats = host.node().stats();
  const Health health = host.node().health(host.now());
  const ApiOptions& options = call.options();
  const std::string api = !options.advertise.empty()
                              ? options.advertise
                              : (options.listen.empty() ? std::string() : options.listen.front());
  writer.begin_object();
  writer.field("name", host.name());
  writer.field("status", "ALIVE");
  writer.flag("ready", health.ready);
  writer.number("incarnation", host.run());
  writer.number("weight", options.weight);
  writer.field("version", options.version);
  writer.field_or_null("api", api);
  writer.null("peer");
  writer.null("gossip");
  writer.number("slots", kSlots);
  writer.number("members", stats.members_now[static_cast<size_t>(MemberStatus::kActive)] +
                               stats.members_now[static_cast<size_t>(MemberStatus::kDraining)]);
  writer.number("livePackets", host.node().live_packets());
  writer.time_or_null("startedAt", host.started_at());
  writer.end_object();
}

void list_hosts(const RestCallPtr& call) {
  json::Faults faults;
  const ListRange range = list_range(call->query(), faults);
  if (faults.any()) return call->fail(faults.error());
  std::string body;
  json::Writer writer(body);
  writer.begin_object();
  writer.key("items");
  writer.begin_array();
  if (!range.after) write_host(writer, *call);
  writer.end_array();
  writer.number("asOf", call->host().last_event_seq());
  writer.end_object();
  call->respond(200, std::move(body));
}

void get_host(const RestCallPtr& call) {
  if (call->parameter(0) != call->host().name()) {
    return call->fail(fail(ErrorKind::kNotFound, "no host \"" + call->parameter(0) + "\"").value());
  }
  std::string body;
  json::Writer writer(body);
  write_host(writer, *call);
  call->respond(200, std::move(body));
}

void write_points(json::Writer& writer, const RestCall& call) {
  const Placement& placement = call.node().placement();
  writer.key("vnodes");
  writer.begin_array();
  for (const auto& vnode : placement.all_vnodes()) {
    if (!call.shows(placement.ns(vnode.member))) continue;
    writer.begin_object();
    writer.number("position", vnode.position);
    writer.field("namespace", placement.ns(vnode.member));
    writer.field("member", placement.id(vnode.member));
    writer.number("replica", vnode.replica);
    writer.end_object();
  }
  writer.end_array();
}

void get_ring(const RestCallPtr& call) {
  json::Faults faults;
  const bool points = call->query().flag("vnodes", faults);
  const Placement& placement = call->node().placement();
  if (points && placement.vnodes() > kMaxPoints) {
    faults.add("query:vnodes", "the ring has " + std::to_string(placement.vnodes()) +
                                   " v-nodes; at most 100000 are listed");
  }
  if (faults.any()) return call->fail(faults.error());
  std::string body;
  json::Writer writer(body);
  writer.begin_object();
  writer.number("slots", kSlots);
  writer.number("memberCount", placement.members());
  writer.number("vnodeCount", placement.vnodes());
  writer.key("keepers");
  writer.begin_array();
  writer.begin_object();
  writer.field("host", call->host().name());
  writer.number("slots", kSlots);
  writer.end_object();
  writer.end_array();
  writer.key("members");
  writer.begin_array();
  for (const auto& view : call->node().members()) {
    const MemberRecord& record = *view.record;
    const bool on_ring =
        record.status == MemberStatus::kActive || record.status == MemberStatus::kDraining;
    if (!on_ring || !call->shows(record.key.ns())) continue;
    writer.begin_object();
    writer.field("id", record.key.id());
    writer.field("namespace", record.key.ns());
    writer.field("status", member_status_name(record.status));
    writer.number("weight", record.weight);
    writer.number("vnodes", vnode_count(record.weight));
    writer.number("currentLoad", view.current_load);
    writer.number("maxLoad", record.max_load);
    writer.end_object();
  }
  writer.end_array();
  if (points) write_points(writer, *call);
  writer.end_object();
  call->respond(200, std::move(body));
}

// a before b: the better score, compared without rounding; ties by id.
bool better(const CandidateView& a, const CandidateView& b) {
  const auto left = static_cast<unsigned __int128>(a.score_numerator) * b.score_denominator;
  const auto right = static_cast<unsigned __int128>(b.score_numerator) * a.score_denominator;
  if (left != right) return left > right;
  return a.member < b.member;
}

void get_ring_owner(const RestCallPtr& call) {
  json::Faults faults;
  const Query& query = call->query();
  const auto required = query_capabilities(query, "requires", faults);
  const auto k = query.integer("k", 1, 64, faults).value_or(8);
  const std::string* salt = query.find("salt");
  if (required.size() > 64) faults.add("query:requires", "names more than 64 capabilities");
  if (salt != nullptr && salt->size() > 255) faults.add("query:salt", "has more than 255 bytes");
  if (faults.any()) return call->fail(faults.error());
  Position point = 0;
  const auto walk = call->node().owner_walk(call->ns(), required, salt ? *salt : std::string(),
                                            static_cast<uint32_t>(k), &point);
  const CandidateView* owner = nullptr;
  for (const auto& candidate : walk) {
    if (candidate.eligible && (owner == nullptr || better(candidate, *owner))) owner = &candidate;
  }
  std::string body;
  json::Writer writer(body);
  writer.begin_object();
  writer.field_or_null("owner", owner ? std::string_view(owner->member) : std::string_view());
  writer.number("point", point);
  writer.number("slot", slot_of(point));
  writer.field("keeper", call->host().name());
  writer.key("candidates");
  writer.begin_array();
  for (const auto& candidate : walk) {
    writer.begin_object();
    writer.field("member", candidate.member);
    writer.number("vnode", candidate.vnode);
    writer.flag("eligible", candidate.eligible);
    writer.field_or_null("why", candidate.reason);
    writer.number("load", candidate.load);
    writer.number("maxLoad", candidate.max_load);
    writer.end_object();
  }
  writer.end_array();
  writer.end_object();
  call->respond(200, std::move(body));
}

void get_dma(const RestCallPtr& call) {
  json::Faults faults;
  const bool values = call->query().flag("values", faults);
  if (faults.any()) return call->fail(faults.error());
  call->respond(200, dma_json(call->host(), values));
}

void add(std::vector<Route>& table, std::string_view pattern, void (*handle)(const RestCallPtr&),
         std::vector<std::string_view> query = {}, Roles roles = kReader) {
  table.push_back(
      {"GET", pattern, handle, Access::kRole, roles, BodyRule::kNone, std::move(query), true});
}

}  // namespace

void add_host_routes(std::vector<Route>& table) {
  add(table, "/v1/hosts", list_hosts, {"limit", "cursor"});
  add(table, "/v1/hosts/{name}", get_host);
  add(table, "/v1/ring", get_ring, {"vnodes"});
  table.push_back({"GET",
                   "/v1/ring/owner",
                   get_ring_owner,
                   Access::kRole,
                   kOperator,
                   BodyRule::kNone,
                   {"requires...", "salt", "k"}});
  add(table, "/v1/dma", get_dma, {"values"});
}

}  // namespace phoenix
