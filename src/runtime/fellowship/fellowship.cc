#include "runtime/fellowship/fellowship.h"

#include <utility>

#include "cluster/peer_message.h"

namespace phoenix {
namespace {

peer::Urgency urgency_of(const PeerMessage& message) {
  // All else in one order: what ends a call must not overtake it.
  return is_bulk(message) ? peer::Urgency::kBulk : peer::Urgency::kNormal;
}

Error too_long(const std::string& what, size_t bytes) {
  return {.kind = ErrorKind::kTooLarge,
          .detail = what + " takes " + std::to_string(bytes) + " bytes between hosts; at most " +
                    std::to_string(kMaxPeerMessage) + " are allowed: send fewer items at a time"};
}

HostLife life_of(const gossip::ViewHost& host) { return {host.name, host.boot}; }

}  // namespace

Fellowship::Fellowship(const Log& log, RunningHost& host, HostLife self)
    : log_(log), host_(host), self_(std::move(self)) {}

Fellowship::~Fellowship() {
  *here_ = false;
  host_.set_outward(nullptr);
  if (hosts_ != nullptr) hosts_->unsubscribe(subscription_);
}

void Fellowship::start(peer::PeerService& links, PoolDesk& desk, Hosts& hosts,
                       std::function<void()> over) {
  links_ = &links;
  desk_ = &desk;
  hosts_ = &hosts;
  over_ = std::move(over);
  host_.set_outward(this);
  desk.on_beat([this, here = here_](Instant sent, const Beat& beat) {
    if (!*here) return;
    host_.give([&](Cluster& cluster, Now now) { cluster.beat(now, sent, beat); });
    if (beat.documents != documents_) read_documents(beat.documents);
  });
  subscription_ = hosts.subscribe([this](const HostNews& news) {
    // Their tags tell where they listen.
    const bool told = news.event.kind == gossip::HostEventKind::kJoin ||
                      news.event.kind == gossip::HostEventKind::kUpdated;
    if (told) set_peers();
  });
  set_peers();
}

// Others tell each other of their changes at once; what was lost on the way is read here.
void Fellowship::read_documents(uint64_t changes) {
  if (std::exchange(reads_documents_, true)) return;
  desk_->documents([this, changes, here = here_](Result<std::vector<Document>> found) {
    if (!*here) return;
    reads_documents_ = false;
    if (!found) return;  // the next beat asks again
    documents_ = changes;
    host_.give([&](Cluster& cluster, Now now) { cluster.documents(now, std::move(*found)); });
  });
}

void Fellowship::view(const gossip::View& view) {
  view_ = view;
  set_peers();
  ClusterView next;
  next.number = view.number;
  for (const gossip::ViewHost& host : view.hosts) {
    next.hosts.push_back({life_of(host), host.weight});
  }
  host_.give([&](Cluster& cluster, Now now) { cluster.view(now, next); });
}

// Where each host of the view listens, as far as its gossip has told yet.
void Fellowship::set_peers() {
  if (links_ == nullptr) return;
  std::vector<peer::PeerAddress> peers;
  const std::vector<gossip::HostRow> rows = hosts_->rows();
  for (const gossip::ViewHost& host : view_.hosts) {
    if (life_of(host) == self_) continue;
    peer::PeerAddress address{life_of(host), {}};
    for (const gossip::HostRow& row : rows) {
      if (row.name != host.name) continue;
      const auto tag = row.tags.find("peer");
      if (tag != row.tags.end()) address.address = tag->second;
    }
    peers.push_back(std::move(address));
  }
  links_->set_peers(std::move(peers));
}

// An owner's home would have to read what it hands over, before the owner can begin; so small
// contents go along, where the link is not behind.
void Fellowship::send_along(PeerMessageOut& out) const {
  constexpr size_t kMostBytes = size_t{16} << 10;
  constexpr size_t kMostQueued = size_t{1} << 20;
  auto* const said = std::get_if<NodeMessage>(&out.message);
  auto* const deliver = said != nullptr ? std::get_if<Deliver>(said) : nullptr;
  if (deliver == nullptr || deliver->again) return;
  if (links_->mesh().queued(out.to, urgency_of(out.message)) > kMostQueued) return;
  deliver->contents = host_.cache().along(*deliver->head, kDeliveryContents, kMostBytes);
}

void Fellowship::keep_along(PeerMessage& message) const {
  auto* const said = std::get_if<NodeMessage>(&message);
  if (said == nullptr) return;
  if (auto* const deliver = std::get_if<Deliver>(said)) {
    host_.cache().put_along(*deliver->head, std::exchange(deliver->contents, {}));
  } else if (const auto* const over = std::get_if<Withdraw>(said)) {
    host_.cache().drop(over->key);
  }
}

// Few of them leave at once, for somebody may wait for each; many go with what else the turn
// brings.
void Fellowship::send(std::vector<PeerMessageOut> messages) {
  constexpr size_t kFew = 4;
  for (PeerMessageOut& out : messages) {
    send_along(out);
    std::string bytes = encode(out.message);
    if (bytes.size() > kMaxPeerMessage && do_without(out, bytes.size())) continue;
    if (links_->send(out.to, std::move(bytes), urgency_of(out.message))) {
      ++counts_.messages_out;
      continue;
    }
    // None may be left out while the link stands: it begins anew, and both sides say all again.
    ++counts_.not_sent;
    links_->cut(out.to);
  }
  if (messages.size() <= kFew) links_->flush();
}

// True: the message is too long, and whoever waits for it is told so instead.
bool Fellowship::do_without(const PeerMessageOut& out, size_t bytes) {
  ++counts_.too_long;
  if (const auto* call = std::get_if<PeerCall>(&out.message)) {
    host_.give([&, id = call->call](Cluster& cluster, Now now) {
      cluster.not_sent(now, out.to, id, too_long("this call", bytes));
    });
    return true;
  }
  const auto* answer = std::get_if<PeerAnswer>(&out.message);
  if (answer == nullptr) return false;
  PeerAnswer instead;
  instead.call = answer->call;
  instead.view = answer->view;
  instead.body = too_long("the answer", bytes);
  return links_->send(out.to, encode(instead), peer::Urgency::kNormal);
}

void Fellowship::ask(PoolRequests requests) {
  if (fenced_) return;
  // Hands an answer in, unless this is gone by then.
  const auto answer = [this, here = here_](auto give) {
    return [this, here, give](auto result) {
      if (!*here) return;
      host_.give([&](Cluster& cluster, Now now) { give(cluster, now, std::move(result)); });
    };
  };
  if (requests.beat) desk_->beat_soon();
  if (requests.read_slots) {
    desk_->held_slots(
        answer([](Cluster& c, Now now, auto rows) { c.slots(now, std::move(rows)); }));
  }
  if (!requests.claim.empty()) {
    desk_->claim_slots(std::move(requests.claim), answer([](Cluster& c, Now now, auto done) {
                         c.claimed(now, std::move(done));
                       }));
  }
  if (!requests.release.empty()) {
    desk_->release_slots(std::move(requests.release), answer([](Cluster& c, Now now, auto done) {
                           c.released(now, std::move(done));
                         }));
  }
  if (!requests.scan.empty()) {
    desk_->scan(std::move(requests.scan),
                answer([](Cluster& c, Now now, auto found) { c.scanned(now, std::move(found)); }));
  }
  for (HostLife& home : requests.homes) {
    desk_->at_home(home, answer([home](Cluster& c, Now now, auto found) {
                     c.home_records(now, home, std::move(found));
                   }));
  }
  if (!requests.members.empty() || !requests.sessions.empty()) {
    desk_->records(
        std::move(requests.members), std::move(requests.sessions),
        answer([](Cluster& c, Now now, auto found) { c.records(now, std::move(found)); }));
  }
  if (requests.compare) {
    desk_->revisions(std::move(requests.compare->after), requests.compare->most,
                     answer([](Cluster& c, Now now, auto page) { c.compared(now, page); }));
  }
  for (HeldQuery& query : requests.held) {
    desk_->owned_by(std::move(query.members),
                    answer([id = query.id](Cluster& c, Now now, auto packets) {
                      c.held(now, id, std::move(packets));
                    }));
  }
}

void Fellowship::fenced() {
  if (fenced_) return;
  fenced_ = true;
  host_.loop().post([here = here_, over = over_] {
    if (*here) over();
  });
}

void Fellowship::on_peer_up(const HostLife& peer) {
  log_.write(Severity::kInfo, "link-up", {{"peer", peer.host}});
  host_.give([&](Cluster& cluster, Now now) { cluster.link_up(now, peer); });
}

void Fellowship::on_peer_down(const HostLife& peer) {
  log_.write(Severity::kWarn, "link-down", {{"peer", peer.host}});
  host_.give([&](Cluster& cluster, Now now) { cluster.link_down(now, peer); });
}

void Fellowship::on_peer_message(const HostLife& from, std::string_view bytes) {
  auto message = decode_peer_message(bytes);
  if (!message) {
    ++counts_.unreadable;
    log_.write(Severity::kError, "unreadable-message",
               {{"peer", from.host}, {"why", message.error().detail}});
    return links_->cut(from);
  }
  ++counts_.messages_in;
  keep_along(*message);
  host_.give([&](Cluster& cluster, Now now) { cluster.received(now, from, std::move(*message)); });
}

void Fellowship::on_peer_writable(const HostLife&, peer::Urgency) {}

}  // namespace phoenix
