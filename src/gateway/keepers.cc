#include "gateway/keepers.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/siphash.h"
#include "membership/view/host_tags.h"
#include "net/address.h"

namespace phoenix::gateway {
namespace {

constexpr Duration kTrouble = seconds(1);
// Ratings: one that takes no new slots may be leaving; one that is suspected or says that it leaves
// is asked when nobody else is there.
constexpr int kIdle = 1;
constexpr int kTroubled = 2;
constexpr int kDoubtful = 4;

uint64_t score(std::string_view key, std::string_view name) {
  // Every gateway must compute the same, so it has no secret.
  return siphash13(RingKey{}, std::string(key) + '\n' + std::string(name));
}

}  // namespace

std::optional<Keepers::Rated> Keepers::read(const gossip::HostRow& row) {
  const bool there =
      row.state == gossip::SwimState::kAlive || row.state == gossip::SwimState::kSuspect;
  const auto tags = gossip::parse_tags(row.tags);
  if (!there || !tags || !*tags || (*tags)->api.empty()) return std::nullopt;
  const gossip::HostTags& told = **tags;
  if (told.identity.store == gossip::kNoStore) return std::nullopt;
  const auto api = parse_address(told.api);
  if (!api) return std::nullopt;
  if (store_.empty()) {
    pool_ = told.identity.pool;
    store_ = told.identity.store;
  }
  if (told.identity.pool != pool_ || told.identity.store != store_) return std::nullopt;
  Rated rated;
  rated.keeper.name = row.name;
  rated.keeper.tls_name = api->host;
  Address at = *api;
  // A name would have to be looked up: it is where the host gossips from.
  if (!is_literal(at.host)) {
    const auto endpoint = parse_address(to_string(row.endpoint));
    if (!endpoint) return std::nullopt;
    at.host = endpoint->host;
  }
  auto url = parse_url((https_ ? "https://" : "http://") + to_string(at));
  if (!url) return std::nullopt;
  rated.keeper.url = std::move(*url);
  rated.keeper.url.authority = told.api;
  if (told.weight == 0) rated.rating += kIdle;
  if (row.leaving || row.state == gossip::SwimState::kSuspect) rated.rating += kDoubtful;
  return rated;
}

void Keepers::update(const std::vector<gossip::HostRow>& rows) {
  rated_.clear();
  for (const gossip::HostRow& row : rows) {
    if (auto rated = read(row)) rated_.emplace(row.name, std::move(*rated));
  }
  std::erase_if(troubled_, [this](const auto& entry) { return !rated_.contains(entry.first); });
}

void Keepers::trouble(const std::string& name, Instant now) {
  if (rated_.contains(name)) troubled_[name] = now + kTrouble;
}

int Keepers::rating(const Rated& rated, Instant now) const {
  const auto at = troubled_.find(rated.keeper.name);
  return rated.rating + (at != troubled_.end() && now < at->second ? kTroubled : 0);
}

std::vector<Keeper> Keepers::order(std::string_view key, Instant now) const {
  std::vector<std::tuple<int, uint64_t, const Keeper*>> ranked;
  for (const auto& [name, rated] : rated_) {
    ranked.emplace_back(rating(rated, now), score(key, name), &rated.keeper);
  }
  std::sort(ranked.begin(), ranked.end(), [](const auto& a, const auto& b) {
    return std::tie(std::get<0>(a), std::get<1>(a), std::get<2>(a)->name) <
           std::tie(std::get<0>(b), std::get<1>(b), std::get<2>(b)->name);
  });
  std::vector<Keeper> out;
  for (const auto& [rating, points, keeper] : ranked) out.push_back(*keeper);
  return out;
}

bool Keepers::good(const std::string& name, Instant now) const {
  const auto found = rated_.find(name);
  if (found == rated_.end()) return false;
  const int own = rating(found->second, now);
  return std::none_of(rated_.begin(), rated_.end(),
                      [&](const auto& other) { return rating(other.second, now) < own; });
}

size_t Keepers::well(Instant now) const {
  return static_cast<size_t>(std::count_if(rated_.begin(), rated_.end(), [&](const auto& entry) {
    return rating(entry.second, now) < kTroubled;
  }));
}

}  // namespace phoenix::gateway
