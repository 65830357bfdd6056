#include "cli/serve/pool_part.h"

#include <sys/random.h>

#include <algorithm>

#include "base/key.h"
#include "net/address.h"
#include "runtime/gossip/pool_folder.h"
#include "store/postgres/pool/pool_store.h"
#include "store/postgres/postgres_store.h"

namespace phoenix {
namespace {

constexpr int kTries = 5;
constexpr const char* kGossipFact = "gossip-address.";  // and the host's name

uint64_t random_life() {
  uint64_t life = 0;
  while (life == 0) {
    if (::getrandom(&life, sizeof life, 0) != sizeof life) life = 0;
    life &= (uint64_t{1} << 53) - 1;  // exact in every JSON reader
  }
  return life;
}

// Who starts is in no hurry: a database that is busy just now may answer a little later.
template <class Open>
auto patiently(Open open) {
  for (int tries = 1;; ++tries) {
    auto opened = open();
    if (opened || tries == 4) return opened;
  }
}

}  // namespace

Result<std::unique_ptr<PoolPart>> PoolPart::open(EventLoop& loop, const Log& log,
                                                 const ServeOptions& options,
                                                 const std::string& name) {
  if (!valid_utf8(name)) {
    return fail(
        ErrorKind::kInvalidRequest,
        "flag:--name is not UTF-8, and the pool's database takes no other text; without the "
        "flag it is this machine's host name");
  }
  std::unique_ptr<PoolPart> part(new PoolPart(loop, log, options));
  // A database that has just been started, or is busy, may need more than one deadline.
  Result<bool> opened = part->open_store(name);
  for (int tries = 1; !opened && tries < kTries; ++tries) {
    if (opened.error().kind != ErrorKind::kStoreUnreachable) break;
    log.write(Severity::kWarn, "pool-store-silent", {{"why", opened.error().detail}});
    opened = part->open_store(name);
  }
  if (!opened) return tl::unexpected<Error>(opened.error());
  auto port = peer::bind_peer(options.peer, options.peer_explicit);
  if (!port) return tl::unexpected<Error>(port.error());
  part->bound_ = to_string(port->address);
  part->port_.emplace(std::move(*port));
  return part;
}

PoolPart::~PoolPart() {
  stop();
  thread_.reset();
}

void PoolPart::stop() {
  links_.reset();
  fellowship_.reset();
  hosts_ = nullptr;
  host_ = nullptr;
}

Result<bool> PoolPart::open_store(const std::string& name) {
  life_ = {name, random_life()};
  PostgresOptions postgres;
  postgres.url = options_.store;
  postgres.self = life_;
  postgres.create = true;
  auto facts = patiently([&] { return take_pool_facts(postgres); });
  if (!facts) return tl::unexpected<Error>(facts.error());
  facts_ = *facts;
  auto store = patiently([&] { return open_postgres(postgres); });
  if (!store) return tl::unexpected<Error>(store.error());
  store_ = std::move(*store);
  PoolStores stores;
  for (auto* handle : {&stores.holds, &stores.slots, &stores.reads}) {
    auto opened = patiently([&] { return open_postgres_pool(postgres); });
    if (!opened) return tl::unexpected<Error>(opened.error());
    *handle = std::move(*opened);
  }
  PoolEvents events;
  events.view = [this](const gossip::View& view) {
    view_ = view;
    tell_gossip();
    if (fellowship_) fellowship_->view(view);
  };
  events.over = [this] {
    if (fellowship_) fellowship_->fenced();
  };
  events.trouble = [this](const std::string& why) {
    if (why.empty()) {
      log_.write(Severity::kInfo, "pool-store-answers", {});
    } else {
      log_.write(Severity::kError, "pool-store-silent", {{"why", why}});
    }
  };
  thread_ = std::make_unique<PoolThread>(loop_, std::move(stores), life_, std::move(events));
  return true;
}

bool PoolPart::replaced() const {
  const gossip::ViewHost* host = view_.find(life_.host);
  return host != nullptr && host->boot != life_.life;
}

// With each change of the view, so that it need not be known whether it was written. Who does not
// stand in it may be a second one of the name.
void PoolPart::tell_gossip() {
  const gossip::ViewHost* own = view_.find(life_.host);
  if (host_ == nullptr || own == nullptr || own->boot != life_.life) return;
  host_->set_fact(kGossipFact + life_.host, gossip_);
}

// Only of hosts that are in the view: of those that are gone for good it is no use.
void PoolPart::ask_gossip(const std::function<void(std::vector<std::string>)>& told) const {
  std::vector<std::string> names;
  for (const gossip::ViewHost& host : view_.hosts) {
    if (host.name != life_.host) names.push_back(kGossipFact + host.name);
  }
  if (host_ == nullptr || names.empty()) return told({});
  using Facts = std::vector<std::pair<std::string, std::string>>;
  host_->read<Facts>([](Reader& reader) { return reader.facts(kGossipFact); },
                     [names = std::move(names), told](const Result<Facts>& facts) {
                       std::vector<std::string> found;
                       if (!facts) return told({});
                       for (const auto& [name, address] : *facts) {
                         if (std::find(names.begin(), names.end(), name) != names.end()) {
                           found.push_back(address);
                         }
                       }
                       told(std::move(found));
                     });
}

std::string PoolPart::peer_address(const gossip::Endpoint& own) const {
  const auto bound = parse_address(bound_);
  if (!bound) return bound_;
  const bool all = bound->host == "0.0.0.0" || bound->host == "::";
  if (!all && options_.advertise.empty()) return bound_;
  gossip::Endpoint at = own;
  at.port = bound->port;
  return to_string(at);
}

gossip::PoolIdentity PoolPart::identity() const {
  gossip::PoolIdentity identity;
  identity.pool = facts_.pool;
  identity.store = facts_.store;
  identity.ring_fingerprint = gossip::fingerprint_of(facts_.ring_key);
  return identity;
}

Result<bool> PoolPart::start(RunningHost& host, Hosts& hosts, std::function<void()> over) {
  host_ = &host;
  hosts_ = &hosts;
  fellowship_ = std::make_unique<Fellowship>(log_, host, life_);
  peer::PeerOptions peers;
  peers.mesh.link.self = life_;
  const gossip::PoolIdentity own = identity();
  peers.mesh.link.identity.pool = own.pool;
  peers.mesh.link.identity.store = own.store;
  peers.mesh.link.identity.ring_fingerprint = own.ring_fingerprint;
  peers.mesh.link.identity.vnode_factor = own.vnode_factor;
  // When a link comes up, all that the other must know is said at once, and may not be left out; a
  // host that does not read is dropped after a second anyway.
  peers.mesh.link.queue_bytes = {size_t{8} << 20, size_t{512} << 20, size_t{128} << 20};
  peers.mesh.seed = life_.life;
  peers.tls_cert = options_.tls_cert;
  peers.tls_key = options_.tls_key;
  peers.tls_ca = options_.tls_ca;
  peers.insecure = options_.insecure;
  auto links =
      peer::PeerService::make(loop_, log_, std::move(*port_), std::move(peers), *fellowship_);
  if (!links) return tl::unexpected<Error>(links.error());
  links_ = std::move(*links);
  fellowship_->start(*links_, *thread_, hosts, std::move(over));
  thread_->start();
  tell_gossip();
  return true;
}

std::vector<std::string> PoolPart::api_urls(const std::string& own,
                                            const std::string& scheme) const {
  std::vector<std::string> urls = {own};
  if (hosts_ == nullptr) return urls;
  const std::vector<gossip::HostRow> rows = hosts_->rows();
  for (const gossip::ViewHost& host : view_.hosts) {
    if (host.name == life_.host) continue;
    for (const gossip::HostRow& row : rows) {
      const auto api = row.tags.find("api");
      if (row.name == host.name && api != row.tags.end() && !api->second.empty()) {
        urls.push_back(scheme + api->second);
      }
    }
  }
  return urls;
}

std::optional<std::string> PoolPart::move_to(const std::string& scheme) {
  const std::vector<std::string> urls = api_urls({}, scheme);
  if (urls.size() < 2) return std::nullopt;
  return urls[1 + next_++ % (urls.size() - 1)];
}

}  // namespace phoenix
