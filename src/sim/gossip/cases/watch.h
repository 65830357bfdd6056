// What must always hold in a pool, whatever happens to it: looked at while time passes.
//
// - An incarnation never goes back: of a host from life to life, and of any host in any other's
// eyes.
// - The view's number never goes back at any host, and no name stands in a view twice.
// - A core is not woken in vain.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "sim/gossip/pool.h"

namespace phoenix::hostsim {

class Watch {
 public:
  explicit Watch(Pool& pool);

  void run(Duration length);
  // Until it holds, or for `limit`; whether it does.
  bool run_until(const std::function<bool()>& holds, Duration limit);
  const std::vector<std::string>& violations() const { return violations_; }

  // Names that were ever declared failed, and by whom.
  const std::map<std::string, std::set<uint32_t>>& failed() const { return failed_; }
  const std::vector<std::pair<uint32_t, gossip::HostEvent>>& events() const { return events_; }
  bool ever(gossip::HostEventKind kind, uint32_t at, const std::string& name) const;
  // Names that ever were in the store's view and then were not.
  const std::set<std::string>& removed() const { return removed_; }
  void forget_events();

  // All running hosts hold exactly these for alive.
  bool all_know(const std::set<uint32_t>& hosts) const;
  bool all_know_all() const;
  // The view of each running phoenix host consists of exactly these.
  bool all_see(const std::set<uint32_t>& hosts) const;
  std::set<uint32_t> running() const;

 private:
  void look();
  void look_at_table(uint32_t host);
  void look_at_view(uint32_t host);
  void complain(std::string what);

  Pool& pool_;
  std::vector<std::string> violations_;
  std::vector<std::pair<uint32_t, gossip::HostEvent>> events_;
  std::map<std::string, std::set<uint32_t>> failed_;
  std::set<std::string> removed_;
  std::set<std::string> last_view_;
  uint64_t last_number_ = 0;
  bool told_of_wakes_ = false;
  uint64_t looks_ = 0;
  // By (observer, name): the highest incarnation, together with the observer's life.
  std::map<std::pair<uint32_t, std::string>, std::pair<uint32_t, uint32_t>> incarnations_;
  std::map<uint32_t, uint32_t> own_;
  std::map<uint32_t, std::pair<uint32_t, uint64_t>> view_numbers_;
};

}  // namespace phoenix::hostsim
