#include "cli/demo/runs.h"

#include <algorithm>

namespace phoenix::demo {

void Runs::begins(const std::string& worker, const std::string& packet, uint64_t epoch,
                  Instant at) {
  of_epoch_[{packet, epoch}].push_back(runs_.size());
  runs_.push_back({worker, packet, epoch, at, kNever});
}

void Runs::ends(const std::string& worker, const std::string& packet, uint64_t epoch, Instant at) {
  const auto it = of_epoch_.find({packet, epoch});
  if (it == of_epoch_.end()) return;
  Run& run = runs_[it->second.back()];
  if (run.worker == worker && run.ended == kNever) run.ended = at;
}

bool Runs::running(const std::string& packet, uint64_t epoch) const {
  const auto it = of_epoch_.find({packet, epoch});
  return it != of_epoch_.end() && runs_[it->second.back()].ended == kNever;
}

void Runs::hit(const std::string& worker, Instant at) { hits_.try_emplace(worker, at); }

Instant Runs::end_of(const Run& run) const {
  const auto hit = hits_.find(run.worker);
  // A frozen worker tells of an end long after it.
  const bool cut = hit != hits_.end() && run.began <= hit->second;
  const Instant end = std::min(run.ended, cut ? hit->second : kNever);
  return end == kNever ? run.began : end;
}

bool Runs::fruitful(size_t index, const Ledger& ledger) const {
  const Run& run = runs_[index];
  return ledger.fruitful(run.packet, run.epoch) &&
         of_epoch_.at({run.packet, run.epoch}).back() == index;
}

uint64_t Runs::in_vain(const Ledger& ledger) const {
  uint64_t count = 0;
  for (size_t i = 0; i < runs_.size(); ++i) count += fruitful(i, ledger) ? 0 : 1;
  return count;
}

double Runs::wasted_share(const Ledger& ledger) const {
  double all = 0;
  double wasted = 0;
  for (size_t i = 0; i < runs_.size(); ++i) {
    const auto time = static_cast<double>((end_of(runs_[i]) - runs_[i].began).ns);
    all += time;
    if (!fruitful(i, ledger)) wasted += time;
  }
  return all > 0 ? wasted / all : 0;
}

std::vector<double> Runs::recovery_ms(const Ledger& ledger) const {
  std::vector<double> out;
  for (const Loss& loss : ledger.losses()) {
    const auto hit = hits_.find(loss.worker);
    const auto next = of_epoch_.upper_bound({loss.packet, loss.epoch});
    if (hit == hits_.end() || next == of_epoch_.end() || next->first.first != loss.packet) continue;
    out.push_back(static_cast<double>((runs_[next->second.front()].began - hit->second).ns) / 1e6);
  }
  return out;
}

}  // namespace phoenix::demo
