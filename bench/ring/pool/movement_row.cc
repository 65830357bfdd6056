// Row 9: what moves when members leave and join, packets staying where they are otherwise.
//
// A leave has to move the leaver's packets, and nothing else. A join may move what was not handed
// out yet; measured against what the newcomer would hold if all of that were placed anew.

#include <algorithm>
#include <string>

#include "bench/ring/pool/host_join.h"
#include "bench/ring/pool/sticky_pool.h"
#include "bench/ring/rows.h"
#include "keeper/draw.h"

namespace phoenix::bench {
namespace {

// The first of row 8's, as each takes half a minute. What must hold exactly does so for any.
constexpr uint64_t kSeed = kWorkloadSeeds[0];

// Of a thousand packets, so many are not handed out yet.
constexpr uint64_t kAll = 1'000;
constexpr uint64_t kSome = 100;

// What changed its owner during an event, by what it should have been.
struct Moves {
  size_t moved = 0;   // had an owner, and has another one or none
  size_t others = 0;  // of these, neither from the one who leaves nor to the one who joins
  size_t handed_out = 0;
};

struct Joined {
  Moves moves;
  size_t woken = 0;
  size_t anew = 0;  // what the newcomer would hold if all movable packets were placed anew
};

class Movement {
 public:
  Movement(CapabilityWorkload& workload, uint32_t window, uint64_t movable)
      : movable_share_(movable), pool_(workload, {.window = window, .key = kSeed}), prng_(kSeed) {
    pool_.place_all();
    for (size_t i = 0; i < pool_.owners().size(); ++i) movable_.push_back(draw_movable());
  }

  // Returns how many packets the leaver had.
  size_t leave(Moves& moves) {
    const MemberIndex leaver = pool_.joined()[prng_.below(pool_.joined().size())];
    const std::vector<MemberIndex> before = pool_.owners();
    const size_t had = pool_.held(leaver).size();
    pool_.leave(leaver);
    moves = compare(before, leaver, kNoMember);
    return had;
  }

  // measure: also what placing anew would give, which takes as long as placing all that may move.
  Joined join(bool measure) {
    Joined result;
    const std::vector<MemberIndex> before = pool_.owners();
    const MemberIndex newcomer = pool_.join();
    if (measure) result.anew = placed_anew(newcomer);
    result.woken = pool_.wake(newcomer);
    std::vector<uint32_t> packets;
    std::vector<Drawable> drawable;
    for (uint32_t packet = 0; packet < movable_.size(); ++packet) {
      const MemberIndex owner = pool_.owners()[packet];
      if (!movable_[packet] || owner == kNoMember || owner == newcomer) continue;
      if (!pool_.ring().matches(newcomer, pool_.class_of(packet))) continue;
      packets.push_back(packet);
      drawable.push_back({owner, pool_.query(packet)});
    }
    for (const Drawn& drawn : drawn_by(pool_.ring(), {&newcomer, 1}, drawable)) {
      pool_.give(packets[drawn.packet], newcomer);
    }
    result.moves = compare(before, kNoMember, newcomer);
    return result;
  }

  void turn_over(size_t count) {
    for (const uint32_t packet : pool_.turn_over(count, prng_)) movable_[packet] = draw_movable();
  }

  Balance balance() const { return pool_.balance(); }

 private:
  bool draw_movable() { return prng_.chance(movable_share_, 1'000); }

  Moves compare(const std::vector<MemberIndex>& before, MemberIndex leaver,
                MemberIndex newcomer) const {
    Moves moves;
    for (size_t packet = 0; packet < before.size(); ++packet) {
      const MemberIndex from = before[packet];
      const MemberIndex to = pool_.owners()[packet];
      // A number may be given again at once: who left and who joined are told apart by the event.
      if (from == kNoMember || (from == to && from != leaver)) continue;
      ++moves.moved;
      if (from != leaver && to != newcomer) ++moves.others;
      if (from != leaver && !movable_[packet]) ++moves.handed_out;
    }
    return moves;
  }

  size_t placed_anew(MemberIndex newcomer) {
    Placement& ring = pool_.ring();
    std::vector<std::pair<uint32_t, MemberIndex>> given;
    for (uint32_t packet = 0; packet < movable_.size(); ++packet) {
      const MemberIndex owner = pool_.owners()[packet];
      if (movable_[packet] && owner != kNoMember) ring.add_load(owner, -1);
    }
    size_t got = 0;
    for (uint32_t packet = 0; packet < movable_.size(); ++packet) {
      const bool parked = pool_.owners()[packet] == kNoMember;
      if (!movable_[packet] && !parked) continue;
      const auto to = pool_.choose(packet);
      if (to) ring.add_load(*to, 1);
      if (to == newcomer) ++got;
      given.emplace_back(packet, to.value_or(kNoMember));
    }
    for (const auto& [packet, to] : given) {
      if (to != kNoMember) ring.add_load(to, -1);
      if (const MemberIndex owner = pool_.owners()[packet]; owner != kNoMember) {
        ring.add_load(owner, 1);
      }
    }
    return got;
  }

  uint64_t movable_share_;
  StickyPool pool_;
  Prng prng_;
  std::vector<bool> movable_;  // by packet: not handed out yet
};

Figure figure(const std::string& what, double value, const char* unit, double bar) {
  return {.row = 9,
          .what = what,
          .value = value,
          .unit = unit,
          .bar = {Bar::Op::kAtMost, bar},
          .beside = {}};
}

void leaves(CapabilityWorkload& workload, int events, Figures& figures) {
  Movement pool(workload, 8, kAll);
  size_t had = 0;
  size_t moved = 0;
  size_t others = 0;
  double most = 0;
  for (int i = 0; i < events; ++i) {
    Moves moves;
    const size_t of_leaver = pool.leave(moves);
    had += of_leaver;
    moved += moves.moved;
    others += moves.others;
    if (of_leaver > 0) {
      most = std::max(most, static_cast<double>(moves.moved) / static_cast<double>(of_leaver));
    }
  }
  Figure of_leaver = figure("leave: moved / what the leaver had, the worst", most, "ratio", 1.0);
  of_leaver.beside.emplace_back("leaves", events);
  of_leaver.beside.emplace_back("packets that the leavers had", static_cast<double>(had));
  of_leaver.drawn = {{"movement/leave/moved", static_cast<double>(moved) / events},
                     {"movement/leave/least", static_cast<double>(had) / events}};
  figures.push_back(std::move(of_leaver));
  figures.push_back(
      figure("leave: moved between third parties", static_cast<double>(others), "packets", 0));
}

// Returns moves that must not be.
Moves joins(CapabilityWorkload& workload, uint64_t movable, const char* name, int events,
            Figures& figures) {
  Movement pool(workload, 8, movable);
  std::vector<double> ratios;
  double moved = 0;
  double anew = 0;
  Moves wrong;
  for (int i = 0; i < events; ++i) {
    const Joined joined = pool.join(true);
    moved += static_cast<double>(joined.moves.moved);
    anew += static_cast<double>(joined.anew);
    if (joined.anew > 0) {
      ratios.push_back(static_cast<double>(joined.moves.moved + joined.woken) /
                       static_cast<double>(joined.anew));
    }
    wrong.others += joined.moves.others;
    wrong.handed_out += joined.moves.handed_out;
  }
  Figure one = figure(std::string("join, ") + name + " movable: moved / placed anew",
                      median(ratios), "ratio", 1.05);
  one.beside.emplace_back("the most of any join", *std::max_element(ratios.begin(), ratios.end()));
  one.beside.emplace_back("the least of any join", *std::min_element(ratios.begin(), ratios.end()));
  one.beside.emplace_back("packets moved by a join, mean", moved / events);
  const std::string key = std::string("movement/join, ") + name + " movable/";
  one.drawn = {{key + "moved", moved / events}, {key + "least", anew / events}};
  figures.push_back(std::move(one));
  return wrong;
}

// After as many leaves as joins, a fortieth of all packets ending and coming with each.
void churn(const CapabilityWorkload& workload, uint32_t window, int events, Figures& figures) {
  CapabilityWorkload own = workload;  // newcomers and packets to come are the same for each
  Movement pool(own, window, kAll);
  const size_t turnover = own.packets().size() / 40;
  const Balance before = pool.balance();
  for (int i = 0; i < events; ++i) {
    Moves moves;
    pool.leave(moves);
    pool.turn_over(turnover);
    pool.join(false);
    pool.turn_over(turnover);
  }
  const Balance after = pool.balance();
  const std::string name = "churn, k=" + std::to_string(window);
  Figure most =
      figure(name + ", max / mean", after.max_to_mean, "ratio", window == 8 ? 1.05 : 1.01);
  most.beside.emplace_back("before", before.max_to_mean);
  figures.push_back(std::move(most));
  Figure sigma =
      figure(name + ", sigma / mean", after.sigma_to_mean, "ratio", window == 8 ? 0.08 : 0.015);
  sigma.beside.emplace_back("before", before.sigma_to_mean);
  sigma.beside.emplace_back("leaves, and as many joins", events);
  sigma.beside.emplace_back("packets that nobody can take any more",
                            static_cast<double>(after.parked));
  figures.push_back(std::move(sigma));
}

}  // namespace

Result<bool> ring_movement(const RingOptions& options, Figures& figures) {
  WorkloadShape shape = workload_a(kSeed);
  if (options.quick) {
    shape.members = 100;
    shape.packets = 20'000;
  }
  CapabilityWorkload workload(shape);
  const int events = options.quick ? 10 : 100;
  leaves(workload, events, figures);
  Moves wrong = joins(workload, kAll, "all", options.quick ? 3 : 5, figures);
  const Moves more = joins(workload, kSome, "10 %", options.quick ? 3 : 10, figures);
  wrong.others += more.others;
  wrong.handed_out += more.handed_out;
  figures.push_back(
      figure("join: moved between third parties", static_cast<double>(wrong.others), "packets", 0));
  figures.push_back(
      figure("join: moved though handed out", static_cast<double>(wrong.handed_out), "packets", 0));
  const HostJoins host = join_a_host(100, options.quick ? 2'000 : 20'000, 10);
  Figure at_host = figure("join to a host: moved though handed out",
                          static_cast<double>(host.handed_out), "packets", 0);
  at_host.beside.emplace_back("moved by ten joins", static_cast<double>(host.moved));
  at_host.beside.emplace_back("movable packets before", static_cast<double>(host.movable));
  figures.push_back(std::move(at_host));
  for (const uint32_t window : {8U, 16U}) churn(workload, window, events, figures);
  return true;
}

}  // namespace phoenix::bench
