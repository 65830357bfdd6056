#include "cli/worker/host_list.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "client/url.h"

namespace phoenix::worker {
namespace {

// FNV-1a. It only spreads; nothing depends on its strength.
uint64_t spread(std::string_view id, std::string_view url) {
  uint64_t hash = 0xcbf29ce484222325U;
  for (const std::string_view part : {id, std::string_view("\n"), url}) {
    for (const char c : part) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  }
  // The last bytes of addresses that are alike differ little: their bits have to go everywhere.
  hash ^= hash >> 32U;
  hash *= 0xd6e8feb86659fd93U;
  return hash ^ (hash >> 32U);
}

void add_once(std::vector<std::string>& hosts, const std::string& url) {
  if (std::find(hosts.begin(), hosts.end(), url) == hosts.end()) hosts.push_back(url);
}

}  // namespace

HostList::HostList(const std::vector<std::string>& given, std::string_view id) : id_(id) {
  for (const std::string& url : given) {
    const auto parsed = parse_url(url);
    add_once(given_, parsed ? parsed->url : url);
  }
  hosts_ = given_;
  present_ = given_.front();
}

const std::string& HostList::after(const std::string& url) const {
  const auto at = std::find(hosts_.begin(), hosts_.end(), url);
  if (at == hosts_.end() || at + 1 == hosts_.end()) return hosts_.front();
  return *(at + 1);
}

std::optional<std::string> HostList::usable(const std::string& url) const {
  const auto parsed = parse_url(url);
  if (!parsed || parsed->tls != present_.starts_with("https://")) return std::nullopt;
  return parsed->url;
}

void HostList::learn(const std::vector<std::string>& told) {
  std::vector<std::string> known;
  for (const std::string& url : told) {
    const auto usable_url = usable(url);
    if (usable_url && known.size() < kMaxHosts) add_once(known, *usable_url);
  }
  if (known.empty()) return;
  std::sort(known.begin(), known.end(), [this](const std::string& a, const std::string& b) {
    return std::pair(spread(id_, a), a) < std::pair(spread(id_, b), b);
  });
  for (const std::string& url : given_) add_once(known, url);
  add_once(known, present_);
  hosts_ = std::move(known);
}

bool HostList::go_to(const std::string& url) {
  const auto usable_url = usable(url);
  if (!usable_url || *usable_url == present_) return false;
  present_ = *usable_url;
  add_once(hosts_, present_);
  return true;
}

}  // namespace phoenix::worker
