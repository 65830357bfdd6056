// The ring: who is on it, who would own a packet, what a change would move.

#include "api/codec/decode_member.h"
#include "api/ring/ring_answers.h"
#include "api/routes/answers.h"
#include "api/routes/routes.h"

namespace phoenix {
namespace {

constexpr size_t kMaxPoints = 100'000;  // v-nodes that one answer lists
constexpr int64_t kMaxMoves = 100'000;  // packets that one plan lists
constexpr int64_t kUsualMoves = 1'000;

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

void write_ring_member(json::Writer& writer, const RingMemberView& view) {
  const MemberRecord& record = *view.member.record;
  writer.begin_object();
  writer.field("id", record.key.id());
  writer.field("namespace", record.key.ns());
  writer.field("status", member_status_name(record.status));
  writer.number("weight", record.weight);
  writer.number("vnodes", view.vnodes);
  writer.number("positions", view.positions);
  write_share(writer, "share", view.positions);
  writer.number("currentLoad", view.member.current_load);
  writer.number("maxLoad", record.max_load);
  writer.end_object();
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
  slot_keepers(*call).write(writer);
  writer.key("members");
  writer.begin_array();
  for (const RingMemberView& view : call->node().ring()) {
    if (call->shows(view.member.record->key.ns())) write_ring_member(writer, view);
  }
  writer.end_array();
  if (points) write_points(writer, *call);
  write_ring_definitions(writer);
  writer.end_object();
  call->respond(200, std::move(body));
}

// --- owner ---

// `salt`, `id` and `affinity` are the salt of three kinds of packets; one of them at most.
void read_salt(const Query& query, OwnerQuery& wanted, json::Faults& faults) {
  std::string_view given;
  for (const std::string_view name : {"salt", "id", "affinity"}) {
    const std::string* salt = query.find(name);
    if (salt == nullptr) continue;
    if (!given.empty()) {
      faults.add("query:" + std::string(name),
                 "stands beside `" + std::string(given) + "`; give one of salt, id, affinity");
    }
    if (salt->size() > 255) faults.add("query:" + std::string(name), "has more than 255 bytes");
    if (name == "id" && !valid_id(*salt)) {
      faults.add("query:id",
                 "must be an id: a letter or digit, then up to 127 of A-Z a-z 0-9 . _ -");
    }
    given = name;
    wanted.salt = *salt;
    wanted.nearest_first = name == "affinity";
  }
}

void get_ring_owner(const RestCallPtr& call) {
  json::Faults faults;
  const Query& query = call->query();
  OwnerQuery wanted;
  wanted.ns = call->ns();
  wanted.required = query_capabilities(query, "requires", faults);
  if (const auto k = query.integer("k", 1, 64, faults)) wanted.k = static_cast<uint32_t>(*k);
  if (const auto load = query.integer("load", 1, 1'000'000, faults)) {
    wanted.load = static_cast<uint32_t>(*load);
  }
  if (const std::string* match = query.find("match")) {
    if (*match == "any") wanted.match = Match::kAny;
    if (*match != "any" && *match != "all") {
      faults.add("query:match", "\"" + *match + "\" is not allowed: all, any");
    }
  }
  if (wanted.required.size() > 64) {
    faults.add("query:requires", "names more than 64 capabilities");
  }
  read_salt(query, wanted, faults);
  if (faults.any()) return call->fail(faults.error());
  Position point = 0;
  const WalkView walk = call->node().owner_walk(wanted, &point);
  std::string body;
  json::Writer writer(body);
  writer.begin_object();
  writer.number("point", point);
  writer.number("slot", slot_of(point));
  writer.field("keeper", slot_keepers(*call).of(slot_of(point)));
  writer.number("k", walk.k);
  writer.number("load", wanted.load);
  write_walk(writer, walk, point);
  write_walk_definitions(writer);
  writer.end_object();
  call->respond(200, std::move(body));
}

// --- plan ---

// Where in the body the member stands that was refused.
std::string_view pointer_of(const PlanRequest& request) {
  constexpr std::string_view kPointers[] = {"/leave", "/drain", "/join/id", "/change/id"};
  return kPointers[request.index()];
}

void post_ring_plan(const RestCallPtr& call) {
  auto document = call->document();
  if (!document) return call->fail(std::move(document.error()));
  MemberDefaults defaults;
  defaults.ns = call->ns();
  defaults.ceiling = call->principal() == nullptr ? nullptr : &call->principal()->ceiling;
  defaults.fresh_id = [] { return std::string(); };
  json::Faults faults;
  const int64_t limit = call->query().integer("limit", 0, kMaxMoves, faults).value_or(kUsualMoves);
  if (faults.any()) return call->fail(faults.error());
  const auto request = decode_plan(document->root(), defaults);
  if (!request) return call->fail(request.error());
  const auto plan = call->node().plan(call->now(), *request, static_cast<size_t>(limit));
  if (!plan) {
    Error error = plan.error();
    error.fields.push_back({std::string(pointer_of(*request)), error.detail});
    return call->fail(std::move(error));
  }
  std::string body;
  json::Writer writer(body);
  writer.begin_object();
  write_plan(writer, *request, *plan);
  write_position(writer, "asOf", call->host().last_event());
  write_plan_definitions(writer);
  writer.end_object();
  call->respond(200, std::move(body));
}

}  // namespace

void add_ring_routes(std::vector<Route>& table) {
  table.push_back(
      {"GET", "/v1/ring", get_ring, Access::kRole, kReader, BodyRule::kNone, {"vnodes"}, true});
  table.push_back({"GET",
                   "/v1/ring/owner",
                   get_ring_owner,
                   Access::kRole,
                   kOperator,
                   BodyRule::kNone,
                   {"requires...", "match", "salt", "id", "affinity", "load", "k"}});
  table.push_back({"POST",
                   "/v1/ring/plan",
                   post_ring_plan,
                   Access::kRole,
                   kOperator,
                   BodyRule::kJson,
                   {"limit"}});
}

}  // namespace phoenix
