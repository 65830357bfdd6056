// GET /v1/events: what happened, as CloudEvents in Server-Sent Events. For packets and members the
// durable event log is the only source, so a stream that is resumed misses nothing and repeats
// nothing. What happens to hosts is told live and in no log: these events carry no `id:` line, so
// the position at which a client resumes is that of the newest durable one.

#include <algorithm>
#include <memory>
#include <set>

#include "api/routes/answers.h"
#include "api/routes/routes.h"
#include "base/json/json_writer.h"
#include "runtime/hosts.h"

namespace phoenix {
namespace {

constexpr uint32_t kAtOnce = 256;               // rows of one read
constexpr size_t kMaxBehind = size_t{1} << 20;  // unsent bytes beyond which we wait
constexpr Duration kCommentEvery = seconds(10);
constexpr Duration kLookAgain = milliseconds(200);  // after a failed read, or a slow reader

// What a row is about: a packet, a member, or a document, whose key has its kind before the two
// parts of all others.
struct Subject {
  std::string noun;
  PacketKey key;

  explicit Subject(const EventRow& row) : noun(row.is_packet ? "packet" : "member") {
    const size_t kind = row.key.find('/');
    const bool document = !row.is_packet && row.key.find('/', kind + 1) != std::string::npos;
    if (document) noun = row.key.substr(0, kind);
    key = PacketKey::from_text(document ? row.key.substr(kind + 1) : row.key);
  }
  std::string path() const {
    return (noun == "policy" ? "policies" : noun + "s") + "/" + std::string(key.id());
  }
};

struct EventFilter {
  std::vector<std::string> namespaces;  // empty: all
  std::set<std::string> types;          // long or short forms; empty: all
  std::string packet;
  std::string member;

  bool wants(const EventRow& row) const {
    const Subject subject(row);
    const PacketKey& key = subject.key;
    const auto ns_wanted = [&](const std::string& ns) { return ns == key.ns(); };
    if (!namespaces.empty() && std::none_of(namespaces.begin(), namespaces.end(), ns_wanted)) {
      return false;
    }
    if (!packet.empty() && (!row.is_packet || key.id() != packet)) return false;
    if (!member.empty()) {
      const HistoryEntry& entry = row.entry;
      const bool its_packet =
          row.is_packet && (entry.owner == member || entry.from == member || entry.to == member);
      const bool itself = subject.noun == "member" && key.id() == member;
      if (!its_packet && !itself) return false;
    }
    if (types.empty()) return true;
    const std::string dotted = subject.noun + "." + row.entry.event;
    return types.contains(row.entry.event) || types.contains(dotted) ||
           types.contains("io.phoenixflight." + dotted + ".v1");
  }
  // Short forms mean packets and members alone: both have a `failed` too.
  bool wants(const gossip::HostEvent& event) const {
    if (!packet.empty() || !member.empty() || !is_told(event.kind)) return false;
    const std::string dotted = "host." + std::string(event_name(event.kind));
    return types.empty() || types.contains(dotted) ||
           types.contains("io.phoenixflight." + dotted + ".v1");
  }

 private:
  static bool is_told(gossip::HostEventKind kind) {
    using Kind = gossip::HostEventKind;
    return kind != Kind::kUserEvent && kind != Kind::kQuery && kind != Kind::kJoinFailed;
  }
};

void append_host_event(std::string& out, const HostNews& news, std::string_view host,
                       std::string_view id) {
  const std::string_view what = event_name(news.event.kind);
  const std::string name = showable(news.event.name);
  out.append("data: ");
  json::Writer writer(out);
  writer.begin_object();
  writer.field("specversion", "1.0");
  writer.field("id", id);
  writer.field("source", "/hosts/" + showable(host));
  writer.field("type", "io.phoenixflight.host." + std::string(what) + ".v1");
  writer.field("subject", "hosts/" + name);
  writer.time_or_null("time", news.at);
  writer.field("datacontenttype", "application/json");
  writer.key("data");
  writer.begin_object();
  writer.field("name", name);
  writer.field("event", what);
  writer.number("incarnation", news.event.incarnation);
  writer.field_or_null("detail", showable(news.event.detail));
  writer.end_object();
  writer.end_object();
  out += "\n\n";
}

// `resume`: the position at which a client that has seen it goes on. Where hosts share a store that
// names every log, while the event itself is one of one log.
void append_cloud_event(std::string& out, const EventRow& row, std::string_view resume,
                        std::string_view host) {
  const Subject about(row);
  const PacketKey& key = about.key;
  const std::string sequence = EventCursor(row.seq, row.log).text();
  out.append("id: ").append(resume).append("\ndata: ");
  json::Writer writer(out);
  writer.begin_object();
  writer.field("specversion", "1.0");
  writer.field("id", sequence);
  writer.field("source", "/hosts/" + std::string(host));
  writer.field("type", "io.phoenixflight." + about.noun + "." + row.entry.event + ".v1");
  writer.field("subject", about.path());
  writer.time_or_null("time", row.entry.at);
  writer.field("datacontenttype", "application/json");
  writer.field("namespace", key.ns());
  writer.field("partitionkey", row.key);
  writer.field("sequence", sequence);
  writer.key("data");
  writer.begin_object();
  writer.field("id", key.id());
  writer.field("namespace", key.ns());
  writer.number("epoch", row.entry.epoch);
  writer.number("revision", row.entry.revision);
  writer.field("event", row.entry.event);
  writer.field_or_null("owner", row.entry.owner);
  writer.field_or_null("from", row.entry.from);
  writer.field_or_null("to", row.entry.to);
  writer.field_or_null("reason", row.entry.reason);
  writer.end_object();
  writer.end_object();
  out += "\n\n";
}

struct EventBatch {
  std::vector<EventRow> rows;
  EventCursor dropped;
};

// One open stream; kept by the callbacks of the HttpStream until that is closed.
class EventStream : public std::enable_shared_from_this<EventStream> {
 public:
  EventStream(Host& host, Hosts* hosts, EventFilter filter, EventCursor after)
      : host_(host),
        hosts_(hosts),
        filter_(std::move(filter)),
        after_(std::move(after)),
        comment_(host.loop()),
        again_(host.loop()) {}

  void open(std::shared_ptr<HttpStream> stream) {
    stream_ = std::move(stream);
    const std::weak_ptr<EventStream> weak = weak_from_this();
    stream_->on_closed([self = shared_from_this()](bool) { self->closed(); });
    subscription_ = host_.subscribe([weak] {
      if (const auto self = weak.lock()) self->pump();
    });
    if (hosts_ != nullptr) {
      hosts_subscription_ = hosts_->subscribe([weak](const HostNews& news) {
        if (const auto self = weak.lock()) self->tell(news);
      });
    }
    // Another host's events may be known to the client before they are known here.
    const EventCursor& known = host_.last_event();
    if (host_.alone() && !known.covers(after_)) gap(known);
    comment();
    pump();
  }

 private:
  void comment() {
    comment_.call_after(kCommentEvery, [weak = weak_from_this()] {
      const auto self = weak.lock();
      if (self && !self->over_ && self->stream_->write(": alive\n\n")) self->comment();
    });
  }

  void look_again() {
    again_.call_after(kLookAgain, [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->pump();
    });
  }

  // The position asked for is not in the log any more, or not yet in this one: list again.
  void gap(const EventCursor& resume_at) {
    std::string text = "id: " + resume_at.text() + "\nevent: gap\ndata: ";
    json::Writer writer(text);
    writer.begin_object();
    write_position(writer, "from", after_);
    write_position(writer, "resumesAfter", resume_at);
    writer.field("detail", "events in between are no longer kept; list again");
    writer.end_object();
    text += "\n\n";
    after_ = resume_at;
    stream_->write(std::move(text));
  }

  void pump() {
    if (over_ || reading_ || after_.covers(host_.last_event())) return;
    if (stream_->buffered() > kMaxBehind) return look_again();
    reading_ = true;
    host_.read<EventBatch>(
        [after = after_](Reader& reader) -> Result<EventBatch> {
          EventBatch batch;
          auto rows = reader.events(after, kAtOnce, &batch.dropped);
          if (!rows) return tl::unexpected(rows.error());
          batch.rows = std::move(*rows);
          return batch;
        },
        [self = shared_from_this()](Result<EventBatch> batch) {
          self->reading_ = false;
          if (self->over_) return;
          if (!batch) return self->look_again();
          self->send(*batch);
        });
  }

  void send(const EventBatch& batch) {
    if (!after_.covers(batch.dropped)) {
      EventCursor resume_at = after_;
      resume_at.raise(batch.dropped);
      gap(resume_at);
    }
    if (over_) return;
    std::string text;
    // The reader sees a commit as soon as it is synced, the node a moment later. Who hears of a
    // result must be able to fetch it, so what the node does not know yet waits for the next turn.
    const EventCursor& known = host_.last_event();
    for (const auto& row : batch.rows) {
      if (!known.covers(row.log, row.seq)) break;
      after_.raise(row.log, row.seq);
      if (filter_.wants(row)) append_cloud_event(text, row, after_.text(), host_.name());
    }
    if (!text.empty() && !stream_->write(std::move(text))) return;
    // An empty read below the newest number: the rows are still on their way to the readers.
    if (batch.rows.empty()) return look_again();
    pump();
  }

  void tell(const HostNews& news) {
    if (over_ || !filter_.wants(news.event) || stream_->buffered() > kMaxBehind) return;
    std::string text;
    const std::string id =
        "host-" + std::to_string(host_.run()) + "-" + std::to_string(news.number);
    append_host_event(text, news, host_.name(), id);
    stream_->write(std::move(text));
  }

  void closed() {
    if (over_) return;
    over_ = true;
    comment_.cancel();
    again_.cancel();
    host_.unsubscribe(subscription_);
    if (hosts_ != nullptr) hosts_->unsubscribe(hosts_subscription_);
    stream_.reset();
  }

  Host& host_;
  Hosts* hosts_;
  EventFilter filter_;
  EventCursor after_;
  Timer comment_;
  Timer again_;
  std::shared_ptr<HttpStream> stream_;
  uint64_t subscription_ = 0;
  uint64_t hosts_subscription_ = 0;
  bool reading_ = false;
  bool over_ = false;
};

// `from` or Last-Event-ID; the header wins, since a browser repeats the first query for ever.
std::optional<EventCursor> position_of(const RestCall& call, json::Faults& faults) {
  const std::string* header = call.head().find("last-event-id");
  const std::string* text = header != nullptr ? header : call.query().find("from");
  if (text == nullptr) return std::nullopt;
  auto position = EventCursor::parse(*text);
  if (!position) {
    faults.add(header != nullptr ? "header:Last-Event-ID" : "query:from",
               "must be the asOf of a list, or the id of an event: a whole number, or several "
               "like 3:1007,5:12");
  }
  return position;
}

void get_events(const RestCallPtr& call) {
  json::Faults faults;
  const Query& query = call->query();
  EventFilter filter;
  const auto from = position_of(*call, faults);
  const auto id_of = [&](std::string_view name) {
    const std::string* id = query.find(name);
    if (id != nullptr && !valid_id(*id)) {
      faults.add("query:" + std::string(name), "\"" + *id + "\" is no id");
    }
    return id == nullptr ? std::string() : *id;
  };
  filter.packet = id_of("packet");
  filter.member = id_of("member");
  for (auto& type : query.list("type")) filter.types.insert(std::move(type));
  if (faults.any()) return call->fail(faults.error());
  filter.namespaces = call->visible_namespaces();
  const auto events =
      std::make_shared<EventStream>(call->host(), call->options().hosts, std::move(filter),
                                    from.value_or(call->host().last_event()));
  events->open(call->stream());
}

}  // namespace

void add_event_routes(std::vector<Route>& table) {
  table.push_back({"GET",
                   "/v1/events",
                   get_events,
                   Access::kRole,
                   kReader,
                   BodyRule::kNone,
                   {"from", "type...", "packet", "member"},
                   true});
}

}  // namespace phoenix
