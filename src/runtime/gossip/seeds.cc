#include "runtime/gossip/seeds.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "net/address.h"
#include "net/sockets/ip_port.h"
#include "runtime/gossip/documents.h"

namespace phoenix::gossip {
namespace {

constexpr uint16_t kUsualPort = 7946;
constexpr Duration kRoundAtMost = seconds(15);  // longer than any stream lasts
constexpr Duration kFirstPause = seconds(1);
constexpr Duration kLongestPause = seconds(30);
constexpr Duration kLookAgain = seconds(10);  // whether somebody is still there
constexpr size_t kMostEndpoints = 256;
constexpr size_t kToldTroubles = 3;

struct Found {
  std::vector<Endpoint> endpoints;
  std::vector<std::string> troubles;
};

std::optional<Address> address_of(const std::string& text) {
  if (const auto address = parse_address(text)) return *address;
  const auto address = parse_address(text + ":" + std::to_string(kUsualPort));
  if (address) return *address;
  return std::nullopt;
}

Found resolve_all(const std::vector<std::string>& addresses) {
  Found found;
  for (const std::string& text : addresses) {
    const auto address = address_of(text);
    if (!address) {
      found.troubles.push_back(text + ": it is no address");
      continue;
    }
    const auto literals = resolve(*address);
    if (!literals) {
      found.troubles.push_back(text + ": " + literals.error().detail);
      continue;
    }
    for (const Address& literal : *literals) {
      if (const auto at = ip_port(literal)) found.endpoints.push_back(endpoint_of(*at));
    }
  }
  auto& endpoints = found.endpoints;
  std::sort(endpoints.begin(), endpoints.end());
  endpoints.erase(std::unique(endpoints.begin(), endpoints.end()), endpoints.end());
  if (endpoints.size() > kMostEndpoints) endpoints.resize(kMostEndpoints);
  return found;
}

std::string text_of(const Endpoint& endpoint) {
  return phoenix::to_string(to_address(ip_port_of(endpoint)));
}

}  // namespace

// The thread may outlast everything: a name server that does not answer holds it for a minute. So
// it touches nothing but this, and the loop only while that is there.
struct Seeds::Lookup {
  std::mutex mutex;
  EventLoop* loop = nullptr;
  Seeds* seeds = nullptr;  // the loop's thread alone
};

Seeds::Seeds(EventLoop& loop, const Log& log, std::vector<std::string> addresses,
             const Endpoint& self, Pool pool)
    : loop_(loop),
      log_(log),
      addresses_(std::move(addresses)),
      self_(self),
      pool_(std::move(pool)),
      lookup_(std::make_shared<Lookup>()),
      timer_(loop) {
  lookup_->loop = &loop;
  lookup_->seeds = this;
}

Seeds::~Seeds() {
  const std::lock_guard lock(lookup_->mutex);
  lookup_->loop = nullptr;
  lookup_->seeds = nullptr;
}

void Seeds::start() {
  if (!addresses_.empty() || pool_.further) begin_round();
}

void Seeds::begin_round() {
  in_round_ = true;
  troubles_.clear();
  pending_.clear();
  ++round_;
  timer_.call_after(kRoundAtMost, [this] { end_round(); });
  if (!pool_.further) return try_all(addresses_);
  pool_.further([shared = lookup_, round = round_](std::vector<std::string> further) {
    Seeds* const seeds = shared->seeds;
    if (seeds == nullptr || !seeds->in_round_ || seeds->round_ != round) return;
    further.insert(further.end(), seeds->addresses_.begin(), seeds->addresses_.end());
    seeds->try_all(std::move(further));
  });
}

void Seeds::try_all(std::vector<std::string> addresses) {
  tried_ = addresses.size();
  const bool literal = std::all_of(addresses.begin(), addresses.end(), [](const std::string& text) {
    const auto address = address_of(text);
    return !address || is_literal(address->host);
  });
  if (literal) {
    Found found = resolve_all(addresses);
    return resolved(std::move(found.endpoints), std::move(found.troubles));
  }
  std::thread([shared = lookup_, addresses = std::move(addresses)] {
    auto found = std::make_shared<Found>(resolve_all(addresses));
    const std::lock_guard lock(shared->mutex);
    if (shared->loop == nullptr) return;
    shared->loop->post([shared, found] {
      if (shared->seeds == nullptr) return;
      shared->seeds->resolved(std::move(found->endpoints), std::move(found->troubles));
    });
  }).detach();
}

void Seeds::resolved(std::vector<Endpoint> found, std::vector<std::string> troubles) {
  if (!in_round_) return;  // it took longer than a round
  troubles_ = std::move(troubles);
  const bool self = std::erase(found, self_) > 0;
  for (const Endpoint& endpoint : found) pending_[text_of(endpoint)] = true;
  if (found.empty() && troubles_.empty() && (self || pool_.further)) {
    in_round_ = false;
    timer_.cancel();
    if (self && rounds_ == 0) {
      log_.write(Severity::kInfo, "first-of-its-pool", {{"why", "--join names only this host"}});
    }
    // The store may name others yet.
    if (pool_.further) begin_later();
    return;
  }
  if (found.empty()) return end_round();
  pool_.join(found);
}

void Seeds::failed(const std::string& endpoint, const std::string& why) {
  if (!in_round_ || pending_.erase(endpoint) == 0) return;
  troubles_.push_back(endpoint + ": " + why);
  // In a later turn: the others of the same cause are told first.
  if (pending_.empty()) timer_.call_after({}, [this] { end_round(); });
}

void Seeds::look() {
  if (in_round_ && pool_.alive() > 1) end_round();
}

void Seeds::end_round() {
  if (!in_round_) return;
  in_round_ = false;
  const size_t alive = pool_.alive();
  if (alive > 1) {
    rounds_ = 0;
    log_.write(Severity::kInfo, "joined", {{"hosts", std::to_string(alive)}});
    return watch();
  }
  const size_t told = std::min(troubles_.size(), kToldTroubles);
  std::string why = fmt::format("{}", fmt::join(troubles_.begin(), troubles_.begin() + told, "; "));
  if (told < troubles_.size()) why += fmt::format("; and {} more", troubles_.size() - told);
  if (why.empty()) why = "none of them answered in time";
  log_.write(Severity::kWarn, "no-seed-answers",
             {{"seeds", std::to_string(tried_)},
              {"why", why},
              {"againInMs", std::to_string(pause().ms())}});
  begin_later();
}

Duration Seeds::pause() const {
  Duration pause = kFirstPause;
  for (size_t i = 0; i < rounds_ && pause < kLongestPause; ++i) pause = pause * 2;
  return std::min(pause, kLongestPause);
}

void Seeds::begin_later() {
  const Duration wait = pause();
  ++rounds_;
  timer_.call_after(wait, [this] {
    if (pool_.alive() > 1) return watch();
    begin_round();
  });
}

void Seeds::watch() {
  timer_.call_after(kLookAgain, [this] {
    if (pool_.alive() > 1) return watch();
    begin_round();
  });
}

}  // namespace phoenix::gossip
