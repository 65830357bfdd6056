// Lists of packets, a packet's history, and why it is where it is.

#include <algorithm>

#include "api/codec/encode.h"
#include "api/ring/ring_answers.h"
#include "api/routes/answers.h"
#include "api/routes/routes.h"

namespace phoenix {
namespace {

constexpr size_t kMaxPageBytes = size_t{16} << 20;  // of contents in one page
constexpr int kMaxRounds = 20;                      // of reading on for one page

struct ListQuery {
  PacketFilter filter;
  ListRange range;
  bool content = false;
  // RUNNING is not in the store: these are compared with what the node knows.
  bool wants_assigned = true;
  bool wants_running = true;
};

Result<ListQuery> parse_list(const RestCall& call) {
  json::Faults faults;
  ListQuery out;
  const Query& query = call.query();
  out.range = list_range(query, faults);
  out.content = query.flag("content", faults);
  out.filter.labels = query_labels(query, faults);
  out.filter.requires_capabilities = query_capabilities(query, "requires", faults);
  if (const std::string* owner = query.find("owner")) {
    if (!valid_id(*owner)) faults.add("query:owner", "\"" + *owner + "\" is no member's id");
    out.filter.owner = *owner;
  }
  std::vector<Status> statuses;
  for (const auto& name : query.list("status")) {
    if (const auto status = status_from_name(name)) {
      statuses.push_back(*status);
    } else {
      faults.add("query:status", "\"" + name +
                                     "\" is not allowed: PENDING, ASSIGNED, RUNNING, COMPLETED, "
                                     "FAILED, CANCELED, EXPIRED, REJECTED");
    }
  }
  if (faults.any()) return tl::unexpected(faults.error());
  const auto has = [&](Status status) {
    return std::find(statuses.begin(), statuses.end(), status) != statuses.end();
  };
  if (!statuses.empty()) {
    out.wants_assigned = has(Status::kAssigned);
    out.wants_running = has(Status::kRunning);
    std::replace(statuses.begin(), statuses.end(), Status::kRunning, Status::kAssigned);
    std::sort(statuses.begin(), statuses.end());
    statuses.erase(std::unique(statuses.begin(), statuses.end()), statuses.end());
  }
  out.filter.statuses = std::move(statuses);
  out.filter.namespaces = call.visible_namespaces();
  if (out.filter.namespaces.size() == 1) out.filter.ns = out.filter.namespaces[0];
  return out;
}

// A page that grows over several reads of the store.
struct Page {
  ListQuery query;
  std::vector<PacketView> items;
  std::optional<ListPosition> next;
  std::optional<EventCursor> as_of;
  size_t bytes = 0;
  int rounds = 0;
};

size_t content_size(const Packet& head) {
  size_t size = 0;
  for (const auto& info : head.contents) size += info.present ? info.size : 0;
  return size;
}

// Adds what was read; false when the page is full before its end.
bool take_items(const RestCall& call, Page& page, std::vector<Packet> items) {
  const WallMs now = call.now().wall;
  for (auto& head : items) {
    if (retention_over(head, now)) continue;
    PacketView view;
    view.status = head.status;
    if (!is_terminal(head.status)) {
      const auto live = call.node().find(head.key);
      if (live && live->head->epoch == head.epoch && live->head->revision == head.revision) {
        view = *live;
      }
    }
    if (view.status == Status::kAssigned && !page.query.wants_assigned) continue;
    if (view.status == Status::kRunning && !page.query.wants_running) continue;
    if (page.query.content) {
      page.bytes += content_size(head);
      if (page.bytes > kMaxPageBytes && !page.items.empty()) {
        const Packet& last = *page.items.back().head;
        page.next = ListPosition{last.created_at, last.key.text()};
        return false;
      }
    }
    if (view.head == nullptr) view.head = std::make_shared<Packet>(std::move(head));
    page.items.push_back(std::move(view));
  }
  return true;
}

void answer_page(const RestCallPtr& call, const Page& page, const std::vector<Contents>* contents) {
  std::string body;
  body.reserve(page.items.size() * 800 + 64);
  json::Writer writer(body);
  writer.begin_object();
  writer.key("items");
  writer.begin_array();
  for (size_t i = 0; i < page.items.size(); ++i) {
    const Extras extras = extras_of(*call, page.items[i]);
    write_packet(
        writer, page.items[i],
        contents == nullptr ? extras.without_contents() : extras.with_contents(&(*contents)[i]));
  }
  writer.end_array();
  if (page.next) writer.field("nextCursor", encode_cursor(page.query.range.ascending, *page.next));
  write_position(writer, "asOf", page.as_of.value_or(EventCursor()));
  writer.end_object();
  call->respond(200, std::move(body));
}

void finish_page(const RestCallPtr& call, const std::shared_ptr<Page>& page) {
  if (!page->query.content || page->items.empty()) return answer_page(call, *page, nullptr);
  std::vector<PacketPtr> heads;
  for (const auto& view : page->items) heads.push_back(view.head);
  call->contents(std::move(heads), kAllContents,
                 [page](const RestCallPtr& self, const std::vector<Contents>& contents) {
                   answer_page(self, *page, &contents);
                 });
}

// Reads on until the page is full, the list is at its end, or enough was tried.
void read_page(const RestCallPtr& call, const std::shared_ptr<Page>& page) {
  const auto from = page->rounds == 0 ? page->query.range.after : page->next;
  const auto left = static_cast<uint32_t>(page->query.range.limit - page->items.size());
  ++page->rounds;
  call->read<PacketPage>(
      [filter = page->query.filter, ascending = page->query.range.ascending, from,
       left](Reader& reader) { return reader.list(filter, ascending, from, left); },
      [page](const RestCallPtr& self, PacketPage read) {
        if (!page->as_of) page->as_of = read.as_of;
        page->next = read.next;
        const bool more = take_items(*self, *page, std::move(read.items));
        const bool full = page->items.size() >= page->query.range.limit;
        if (more && !full && page->next && page->rounds < kMaxRounds) {
          return read_page(self, page);
        }
        finish_page(self, page);
      });
}

// A job's answer: whether the packet exists, and what is kept of its history.
struct History {
  PacketLookup lookup;
  std::vector<EventRow> rows;
};

std::function<Result<History>(Reader&)> history_job(const PacketKey& key) {
  return [key](Reader& reader) -> Result<History> {
    auto lookup = reader.get(key);
    if (!lookup) return tl::unexpected(lookup.error());
    auto rows = reader.history(key);
    if (!rows) return tl::unexpected(rows.error());
    return History{std::move(*lookup), std::move(*rows)};
  };
}

bool exists(const History& history) {
  return history.lookup.head || history.lookup.tombstone || !history.rows.empty();
}

void fail_unknown(const RestCallPtr& call, const PacketKey& key) {
  call->fail(fail(ErrorKind::kNotFound, "no packet \"" + std::string(key.id()) +
                                            "\" in namespace \"" + std::string(key.ns()) + "\"")
                 .value());
}

std::string why_parked(const Parked& parked, const Explanation& explanation) {
  switch (parked.reason) {
    case ParkReason::kNoCapableMember: {
      std::string list;
      for (const auto& name : explanation.walk.missing) list += (list.empty() ? "" : ", ") + name;
      return list.empty() ? "register a member that holds all required capabilities together"
                          : "register a member with the capabilities that nobody has: " + list;
    }
    case ParkReason::kAllAtCapacity:
      return "a capable member finishes work, raises its maxLoad, or another one registers";
    case ParkReason::kPolicyDenied:
      return "a policy that allows one of the capable members";
    case ParkReason::kBackoff:
      return "its backoff runs out at `until`";
    case ParkReason::kNotBefore:
      return "its notBefore is reached at `until`";
    case ParkReason::kApprovalRequired:
      return "somebody with the role that its policy names approves it";
    case ParkReason::kLiveTicket:
      return "the last ticket of its former owner runs out at `until`";
    case ParkReason::kStoreUnreachable:
      return "the store takes writes again; see /readyz";
  }
  return {};
}

std::string sentence(const PacketView& view, const Explanation* explanation) {
  const Packet& head = *view.head;
  const std::string id(head.key.id());
  if (is_terminal(view.status)) {
    return id + " is " + std::string(status_name(view.status)) + "; nobody owns it.";
  }
  if (head.owner) {
    return id + " is owned by " + head.owner->id + " under epoch " + std::to_string(head.epoch) +
           " and stays with it until that owner finishes, gives it back or is lost.";
  }
  const auto& parked = view.parked ? view.parked : head.parked;
  if (!parked || explanation == nullptr) return id + " waits to be placed.";
  return id + " is parked (" + std::string(park_reason_name(parked->reason)) +
         "). What would change that: " + why_parked(*parked, *explanation) + ".";
}

std::string_view rule_of(const Packet& head) {
  if (head.spec->spread == Spread::kAffinity) {
    return "with an affinity key: the nearest capable member clockwise of the point, the next one "
           "only when it is full";
  }
  return "the k nearest capable members with room, clockwise of the point; among them the best "
         "score = reliability * trust / (1 + load / maxLoad), ties by id";
}

// Each earlier owner and why it lost the packet.
void write_owners(json::Writer& writer, const std::vector<EventRow>& rows) {
  writer.key("earlierOwners");
  writer.begin_array();
  for (const auto& row : rows) {
    const HistoryEntry& entry = row.entry;
    if (entry.from.empty() || entry.from == entry.owner) continue;
    writer.begin_object();
    writer.field("owner", entry.from);
    writer.time_or_null("lostAt", entry.at);
    writer.field("event", entry.event);
    writer.field_or_null("why", entry.reason);
    writer.field_or_null("next", entry.to);
    writer.end_object();
  }
  writer.end_array();
}

// Of a packet that another host keeps: all hosts know the members, so the walk is the same.
std::optional<Explanation> explain_stored(const RestCall& call, const Packet& head) {
  if (call.host().alone() || is_terminal(head.status)) return std::nullopt;
  OwnerQuery query;
  query.ns = head.key.ns();
  query.required = head.required;
  query.match = head.spec->match == CapabilityMatch::kAny ? Match::kAny : Match::kAll;
  query.salt = head.spec->spread == Spread::kId         ? head.key.id()
               : head.spec->spread == Spread::kAffinity ? std::string_view(head.spec->affinity_key)
                                                        : std::string_view();
  query.load = head.spec->load;
  query.nearest_first = head.spec->spread != Spread::kId;
  Position point = 0;
  Explanation explanation;
  explanation.walk = call.node().owner_walk(query, &point);
  explanation.packet.status = head.status;
  explanation.packet.head = std::make_shared<Packet>(head);
  explanation.packet.parked = head.parked;
  return explanation;
}

void answer_explain(const RestCallPtr& call, const PacketKey& key, const History& history) {
  auto explanation = call->node().explain(key);
  if (!explanation && history.lookup.head) {
    explanation = explain_stored(*call, *history.lookup.head);
  }
  PacketView view;
  if (explanation) {
    view = explanation->packet;
  } else if (history.lookup.head) {
    view.status = history.lookup.head->status;
    view.head = std::make_shared<Packet>(*history.lookup.head);
  } else {
    return fail_unknown(call, key);
  }
  const Packet& head = *view.head;
  std::string body;
  json::Writer writer(body);
  writer.begin_object();
  writer.field("id", key.id());
  writer.field("status", status_name(view.status));
  writer.field("summary", sentence(view, explanation ? &*explanation : nullptr));
  writer.number("point", head.point);
  writer.number("placementPoint", head.placement_point);
  writer.number("slot", slot_of(head.point));
  writer.strings("requiredCapabilities", head.required);
  writer.number("epoch", head.epoch);
  writer.field("rule", rule_of(head));
  writer.field_or_null("choice",
                       head.owner ? std::string_view(head.owner->id) : std::string_view());
  if (explanation) {
    write_candidates(writer, explanation->walk, head.placement_point);
    writer.number("capableMembers", explanation->walk.capable_members);
    writer.strings("missing", explanation->walk.missing);
  }
  const auto& parked = view.parked ? view.parked : head.parked;
  writer.key("parked");
  if (parked && explanation && view.status == Status::kPending) {
    writer.begin_object();
    writer.field("reason", park_reason_name(parked->reason));
    writer.time_or_null("since", parked->since);
    writer.time_or_null("until", parked->until);
    writer.field("wouldUnpark", why_parked(*parked, *explanation));
    writer.end_object();
  } else {
    writer.null();
  }
  write_owners(writer, history.rows);
  writer.end_object();
  call->respond(200, std::move(body));
}

}  // namespace

void list_packets(const RestCallPtr& call) {
  auto query = parse_list(*call);
  if (!query) return call->fail(std::move(query.error()));
  auto page = std::make_shared<Page>();
  page->query = std::move(*query);
  read_page(call, page);
}

void get_history(const RestCallPtr& call) {
  const auto key = packet_key(*call);
  if (!key) return call->fail(key.error());
  call->read<History>(history_job(*key), [key = *key](const RestCallPtr& self, History history) {
    if (!exists(history)) return fail_unknown(self, key);
    std::string body;
    json::Writer writer(body);
    writer.begin_object();
    writer.key("items");
    writer.begin_array();
    for (const auto& row : history.rows) write_history_entry(writer, row.entry);
    writer.end_array();
    writer.end_object();
    self->respond(200, std::move(body));
  });
}

void get_explain(const RestCallPtr& call) {
  const auto key = packet_key(*call);
  if (!key) return call->fail(key.error());
  call->read<History>(history_job(*key), [key = *key](const RestCallPtr& self, History history) {
    answer_explain(self, key, history);
  });
}

}  // namespace phoenix
