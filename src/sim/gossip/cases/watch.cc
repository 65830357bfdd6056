#include "sim/gossip/cases/watch.h"

#include <fmt/format.h>

#include <algorithm>

namespace phoenix::hostsim {

namespace {

constexpr Duration kLookEvery = milliseconds(100);
constexpr uint64_t kLooksPerTable = 5;  // whole tables are dear to look at

}  // namespace

Watch::Watch(Pool& pool) : pool_(pool) {
  pool_.on_event([this](uint32_t host, const gossip::HostEvent& event) {
    events_.emplace_back(host, event);
    if (event.kind == gossip::HostEventKind::kFailed) failed_[event.name].insert(host);
  });
}

void Watch::run(Duration length) {
  (void)run_until([] { return false; }, length);
}

bool Watch::run_until(const std::function<bool()>& holds, Duration limit) {
  return pool_.run_until(
      [&] {
        look();
        return holds();
      },
      limit, kLookEvery);
}

void Watch::forget_events() {
  events_.clear();
  failed_.clear();
  removed_.clear();
}

bool Watch::ever(gossip::HostEventKind kind, uint32_t at, const std::string& name) const {
  return std::ranges::any_of(events_, [&](const auto& each) {
    return each.first == at && each.second.kind == kind && each.second.name == name;
  });
}

std::set<uint32_t> Watch::running() const {
  std::set<uint32_t> hosts;
  for (uint32_t i = 0; i < pool_.size(); ++i) {
    if (pool_.up(i)) hosts.insert(i);
  }
  return hosts;
}

bool Watch::all_know(const std::set<uint32_t>& hosts) const {
  return std::ranges::all_of(running(), [&](uint32_t host) {
    if (pool_.core(host).alive() < hosts.size()) return false;
    std::set<uint32_t> known;
    for (const gossip::HostRow& row : pool_.core(host).hosts()) {
      if (row.state == gossip::SwimState::kAlive) known.insert(pool_.number(row.name));
    }
    return known == hosts;
  });
}

bool Watch::all_know_all() const { return all_know(running()); }

bool Watch::all_see(const std::set<uint32_t>& hosts) const {
  return std::ranges::all_of(running(), [&](uint32_t host) {
    std::set<uint32_t> seen;
    for (const gossip::ViewHost& each : pool_.core(host).view().hosts) {
      seen.insert(pool_.number(each.name));
    }
    return seen == hosts;
  });
}

void Watch::complain(std::string what) {
  constexpr size_t kEnough = 20;
  if (violations_.size() >= kEnough) return;
  violations_.push_back(
      fmt::format("{:.3f} s: {}", static_cast<double>(pool_.elapsed().ms()) / 1e3, what));
}

void Watch::look() {
  const bool tables = looks_++ % kLooksPerTable == 0;
  for (uint32_t i = 0; i < pool_.size(); ++i) {
    if (!pool_.up(i)) continue;
    if (tables) look_at_table(i);
    look_at_view(i);
  }
  const gossip::View& view = pool_.desk().view();
  if (view.number < last_number_) complain("the store's view went back");
  if (view.number != last_number_) {
    std::set<std::string> names;
    for (const gossip::ViewHost& each : view.hosts) {
      if (!names.insert(each.name).second) complain(each.name + " is in the view twice");
    }
    std::ranges::set_difference(last_view_, names, std::inserter(removed_, removed_.end()));
    last_view_ = std::move(names);
    last_number_ = view.number;
  }
  const bool often = pool_.vain_wakes() > 1'000 + pool_.steps() / 100;
  if (often && !told_of_wakes_) complain("cores are woken in vain, again and again");
  told_of_wakes_ = often;
}

void Watch::look_at_table(uint32_t host) {
  const uint32_t life = pool_.life(host);
  for (const gossip::HostRow& row : pool_.core(host).hosts()) {
    if (row.self) {
      uint32_t& highest = own_[host];
      if (row.incarnation < highest) {
        complain(fmt::format("{} itself went from incarnation {} to {}", row.name, highest,
                             row.incarnation));
      }
      highest = std::max(highest, row.incarnation);
      continue;
    }
    auto& [seen_life, highest] = incarnations_[{host, row.name}];
    if (seen_life == life && row.incarnation < highest) {
      complain(fmt::format("at {}, {} went from incarnation {} to {}", pool_.name(host), row.name,
                           highest, row.incarnation));
    }
    highest = seen_life == life ? std::max(highest, row.incarnation) : row.incarnation;
    seen_life = life;
  }
}

void Watch::look_at_view(uint32_t host) {
  const uint32_t life = pool_.life(host);
  auto& [seen_life, number] = view_numbers_[host];
  const uint64_t now = pool_.core(host).view().number;
  if (seen_life == life && now < number) {
    complain(fmt::format("at {}, the view went from {} to {}", pool_.name(host), number, now));
  }
  seen_life = life;
  number = now;
}

}  // namespace phoenix::hostsim
