#include "membership/serf/vivaldi.h"

#include <algorithm>
#include <cmath>

namespace phoenix::gossip {
namespace {

using Vector = std::array<double, 8>;

constexpr double kErrorMax = 1.5;
constexpr double kErrorGain = 0.25;
constexpr double kForceGain = 0.25;
constexpr double kHeightMin = 10e-6;
constexpr double kGravityRho = 150;
constexpr double kNearZero = 1e-6;
// Ten times the longest round trip that is taken: nothing honest lies further out.
constexpr double kFarthest = 100;

double length(const Vector& vector) {
  double sum = 0;
  for (const double x : vector) sum += x * x;
  return std::sqrt(sum);
}

Vector difference(const Vector& a, const Vector& b) {
  Vector out{};
  for (size_t i = 0; i < out.size(); ++i) out[i] = a[i] - b[i];
  return out;
}

// Without the adjustments.
double plain_distance(const Coordinate& a, const Coordinate& b) {
  return length(difference(a.vec, b.vec)) + a.height + b.height;
}

// Comparisons that are false for what is not a number.
bool within(double value, double low, double high) { return value >= low && value <= high; }

bool is_sensible(const Coordinate& c) {
  const bool near = std::all_of(c.vec.begin(), c.vec.end(),
                                [](double x) { return within(x, -kFarthest, kFarthest); });
  return near && within(c.error, 0, kErrorMax) && within(c.height, 0, kFarthest) &&
         within(c.adjustment, -kFarthest, kFarthest);
}

}  // namespace

double RttSamples::add(double rtt_seconds) {
  samples_ = {samples_[1], samples_[2], static_cast<float>(rtt_seconds)};
  std::array<float, 3> sorted = samples_;
  std::sort(sorted.begin(), sorted.end());
  const auto first = std::find_if(sorted.begin(), sorted.end(), [](float s) { return s >= 0; });
  return *(first + (sorted.end() - first) / 2);
}

double estimated_rtt(const Coordinate& a, const Coordinate& b) {
  const double plain = plain_distance(a, b);
  const double adjusted = plain + a.adjustment + b.adjustment;
  return adjusted > 0 ? adjusted : plain;
}

bool Vivaldi::update(const Coordinate& other, RttSamples& samples, Duration rtt) {
  if (rtt < Duration{} || rtt > kLongestRtt || !is_sensible(other)) return false;
  const double seconds_taken = samples.add(static_cast<double>(rtt.ns) * 1e-9);
  move(other, seconds_taken);
  adjust(other, seconds_taken);
  pull_to_origin();
  if (!is_sensible(own_)) own_ = Coordinate{};
  return true;
}

// The less we trust our own point compared with the other's, the further we move.
void Vivaldi::move(const Coordinate& other, double rtt) {
  const double distance = estimated_rtt(own_, other);
  const double measured = std::max(rtt, kNearZero);
  const double wrongness = std::abs(distance - measured) / measured;
  const double weight = own_.error / std::max(own_.error + other.error, kNearZero);
  const double gain = kErrorGain * weight;
  own_.error = std::min(gain * wrongness + own_.error * (1 - gain), kErrorMax);
  push(other, kForceGain * weight * (measured - distance));
}

void Vivaldi::adjust(const Coordinate& other, double rtt) {
  adjustments_[next_adjustment_] = rtt - plain_distance(own_, other);
  next_adjustment_ = (next_adjustment_ + 1) % kAdjustments;
  double sum = 0;
  for (const double adjustment : adjustments_) sum += adjustment;
  own_.adjustment = sum / (2.0 * kAdjustments);
}

void Vivaldi::pull_to_origin() {
  const Coordinate origin;
  const double ratio = estimated_rtt(origin, own_) / kGravityRho;
  push(origin, -ratio * ratio);
}

// Away from `from`; a negative force pulls.
void Vivaldi::push(const Coordinate& from, double force) {
  Vector direction = difference(own_.vec, from.vec);
  const double distance = length(direction);
  double scale = distance;
  if (distance <= kNearZero) {
    for (double& x : direction) x = static_cast<double>(prng_.below(1u << 20)) / (1u << 20) - 0.5;
    scale = length(direction);
    if (scale <= kNearZero) {
      direction = {1};
      scale = 1;
    }
  }
  for (size_t i = 0; i < direction.size(); ++i) own_.vec[i] += direction[i] / scale * force;
  if (distance > kNearZero) {
    own_.height += (own_.height + from.height) * force / distance;
    own_.height = std::max(own_.height, kHeightMin);
  }
}

}  // namespace phoenix::gossip
