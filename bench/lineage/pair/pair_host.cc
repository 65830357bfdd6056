#include "bench/lineage/pair/pair_host.h"

#include <chrono>
#include <utility>
#include <variant>

#include "bench/clock.h"
#include "bench/workload.h"
#include "cluster/peer_message.h"
#include "lineage/crypto/sha256.h"
#include "packet/lifecycle.h"

namespace phoenix::bench {
namespace {

constexpr Duration kBeatEvery = milliseconds(500);
constexpr Duration kPatience = seconds(20);
constexpr uint32_t kFullWeight = 100;

HostLife life_of(PairHost::Role role) {
  return role == PairHost::Role::kKeeper ? HostLife{"keeper", 1} : HostLife{"home", 2};
}

peer::Urgency urgency_of(const PeerMessage& message) {
  return is_bulk(message) ? peer::Urgency::kBulk : peer::Urgency::kNormal;
}

}  // namespace

PairHost::PairHost(EventLoop& loop, Role role)
    : loop_(loop),
      self_(life_of(role)),
      other_(life_of(role == Role::kKeeper ? Role::kHome : Role::kKeeper)),
      keeps_(role == Role::kKeeper),
      beats_(loop) {}

PairHost::~PairHost() {
  if (host_) host_->set_outward(nullptr);
}

Result<std::unique_ptr<PairHost>> PairHost::start(EventLoop& loop, Role role,
                                                  std::unique_ptr<Store> store) {
  std::unique_ptr<PairHost> made(new PairHost(loop, role));
  HostOptions options;
  options.name = made->self_.host;
  options.self = made->self_;
  options.pool = kPairPool;
  options.key =
      lineage::NamedKeyPair{lineage::KeyRole::kHost, options.name, pair_key(options.name)};
  made->store_ = store.get();
  auto host = RunningHost::start(loop, std::move(store), options);
  if (!host) return tl::unexpected(host.error());
  made->host_ = std::move(*host);
  made->host_->set_outward(made.get());
  auto port = peer::bind_peer("127.0.0.1:0", true);
  if (!port) return tl::unexpected(port.error());
  peer::PeerOptions links;
  links.mesh.link.self = made->self_;
  links.mesh.link.identity = {kPairPool, "store", "ring", 128};
  auto service = peer::PeerService::make(loop, made->log_, std::move(*port), links, *made);
  if (!service) return tl::unexpected(service.error());
  made->links_ = std::move(*service);
  return made;
}

void PairHost::know_packets(int count) {
  const auto payload = json_content(2, 1);
  std::vector<Group> groups;
  for (int i = 0; i < count; ++i) {
    const SubmitItem item = submit_item(static_cast<uint64_t>(i), {"work"}, payload);
    Packet draft;
    draft.key = item.key;
    draft.spec = item.spec;
    draft.required = item.required;
    draft.point = point_of_new(RingKey{}, item);
    Change grant;
    grant.event = Event::kCreate;
    grant.to = Owner{kPairGiver, 1};
    Transition made = create(std::move(draft), grant, host_->now().wall);
    PutPacket put;
    put.head = std::move(made.head);
    put.entry = std::move(made.entry);
    groups.emplace_back().ops.emplace_back(std::move(put));
  }
  constexpr uint64_t kNobodysBatch = uint64_t{1} << 62;
  (void)store_->commit(kNobodysBatch, groups);
}

Result<std::string> PairHost::serve_rest() {
  ApiOptions options;
  options.listen = {"127.0.0.1"};
  api_ = std::make_unique<Api>(*host_, options);
  HttpServerOptions http;
  http.listen = "127.0.0.1:0";
  http.render_error = [this](const Error& error, const HttpHead* head) {
    return api_->render(error, head);
  };
  auto server = HttpServer::listen(
      loop_, http, [this](const HttpHead& head) { return api_->gate(head); },
      [this](std::shared_ptr<HttpExchange> exchange) { api_->handle(std::move(exchange)); });
  if (!server) return tl::unexpected(server.error());
  server_ = std::move(*server);
  return "http://" + server_->address();
}

void PairHost::join(const std::string& other_address) {
  enter_view();
  links_->set_peers({{other_, other_address}});
  beat();
}

void PairHost::enter_view() {
  pool_->clock_ns = wall_clock().ns;
  (void)rows_.swap_view({self_, 0, "both", {self_, other_}, {}});
  ClusterView view;
  view.number = 1;
  view.hosts = {{self_, keeps_ ? kFullWeight : 0}, {other_, keeps_ ? 0 : kFullWeight}};
  std::sort(view.hosts.begin(), view.hosts.end(),
            [](const auto& a, const auto& b) { return a.life < b.life; });
  host_->give([&](Cluster& cluster, Now now) { cluster.view(now, view); });
}

// Both are well for as long as this runs.
void PairHost::beat() {
  pool_->clock_ns = wall_clock().ns;
  (void)rows_.beat(other_, 1);
  const auto beat = rows_.beat(self_, 1);
  const Instant sent = host_->now().mono;
  if (beat) {
    host_->give([&](Cluster& cluster, Now now) { cluster.beat(now, sent, *beat); });
  }
  beats_.call_after(kBeatEvery, [this] { this->beat(); });
}

bool PairHost::together() const {
  if (!up_) return false;
  return !keeps_ || host_->cluster().slot_counts().drives == kSlots;
}

bool PairHost::run_until(const std::function<bool()>& done) {
  const Duration end = wall_clock() + kPatience;
  while (!done() && wall_clock() < end) loop_.run_one_for(host_->patience());
  return done();
}

// --- what the host asks of the world --------------------------------------------------------

void PairHost::send(std::vector<PeerMessageOut> messages) {
  for (const PeerMessageOut& out : messages) {
    if (!links_->send(out.to, encode(out.message), urgency_of(out.message))) links_->cut(out.to);
  }
  links_->flush();
}

void PairHost::answer(std::function<void(Cluster&, Now)> give) {
  loop_.post([this, give = std::move(give)] { host_->give(give); });
}

void PairHost::ask(PoolRequests requests) {
  pool_->clock_ns = wall_clock().ns;
  if (requests.read_slots) {
    answer([rows = rows_.held_slots()](Cluster& c, Now now) { c.slots(now, rows); });
  }
  if (!requests.claim.empty()) {
    answer([done = rows_.claim_slots(self_, requests.claim)](Cluster& c, Now now) {
      c.claimed(now, done);
    });
  }
  if (!requests.release.empty()) {
    answer([done = rows_.release_slots(self_, requests.release)](Cluster& c, Now now) {
      c.released(now, done);
    });
  }
  if (!requests.scan.empty()) {
    answer([found = rows_.scan(requests.scan)](Cluster& c, Now now) { c.scanned(now, found); });
  }
  for (const HostLife& home : requests.homes) {
    answer([home, found = rows_.at_home(home)](Cluster& c, Now now) {
      c.home_records(now, home, found);
    });
  }
  if (!requests.members.empty() || !requests.sessions.empty()) {
    // No store of both knows more of them than this host does.
    PoolStore::HomeRecords known;
    for (const MemberKey& key : requests.members) {
      if (const auto member = host_->node().find_member(key))
        known.members.push_back(member->record);
    }
    for (const std::string& id : requests.sessions) {
      if (const auto session = host_->node().find_session(id))
        known.sessions.push_back(std::make_shared<const SessionRecord>(*session));
    }
    answer([known](Cluster& c, Now now) { c.records(now, known); });
  }
  if (requests.compare) {
    const CompareQuery& query = *requests.compare;
    answer([page = rows_.revisions(query.after, query.most)](Cluster& c, Now now) {
      c.compared(now, page);
    });
  }
  for (const HeldQuery& query : requests.held) {
    answer([id = query.id, found = rows_.owned_by(query.members)](Cluster& c, Now now) {
      c.held(now, id, found);
    });
  }
}

void PairHost::fenced() {}

// --- the link -------------------------------------------------------------------------------

void PairHost::on_peer_up(const HostLife& peer) {
  up_ = true;
  host_->give([&](Cluster& cluster, Now now) { cluster.link_up(now, peer); });
}

void PairHost::on_peer_down(const HostLife& peer) {
  up_ = false;
  host_->give([&](Cluster& cluster, Now now) { cluster.link_down(now, peer); });
}

void PairHost::on_peer_message(const HostLife& from, std::string_view bytes) {
  auto message = decode_peer_message(bytes);
  if (!message) return links_->cut(from);
  const auto* said = std::get_if<NodeMessage>(&*message);
  if (said != nullptr && std::holds_alternative<Taken>(*said)) ++taken_;
  host_->give([&](Cluster& cluster, Now now) { cluster.received(now, from, std::move(*message)); });
}

void PairHost::on_peer_writable(const HostLife&, peer::Urgency) {}

}  // namespace phoenix::bench
