// Which hosts to speak to, and in which order.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace phoenix {

inline constexpr std::string_view kDefaultUrl = "http://127.0.0.1:7400";

// `flags` (the values of --url, each may hold several, separated by commas), else `env` (the value
// of PHOENIX_URL, likewise), else the "api" of DIR/.phoenixflight/address.json, else kDefaultUrl.
// At least one. An address file that is there but broken is kInvalidRequest and names the file.
Result<std::vector<std::string>> resolve_urls(const std::vector<std::string>& flags,
                                              std::string_view env, const std::string& dir = ".");

// The order in which several hosts are tried, for the life of a process: first the one that served
// last, then those after it in the list, last those that did not serve when they were asked.
class HostOrder {
 public:
  explicit HostOrder(std::size_t hosts) : failed_(hosts, false) {}

  // Every host once.
  std::vector<std::size_t> tour() const;
  void served(std::size_t host);
  void failed(std::size_t host) { failed_[host] = true; }

 private:
  std::vector<bool> failed_;
  std::size_t first_ = 0;
};

}  // namespace phoenix
