#include "membership/serf/vivaldi.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <vector>

namespace phoenix::gossip {
namespace {

constexpr double kMillisecond = 1e-3;

Duration duration_of(double seconds_long) {
  return Duration{static_cast<int64_t>(seconds_long * 1e9)};
}

TEST(RttSamples, give_the_median_of_the_last_three) {
  RttSamples samples;
  EXPECT_FLOAT_EQ(static_cast<float>(samples.add(0.2)), 0.2f);
  EXPECT_FLOAT_EQ(static_cast<float>(samples.add(0.1)), 0.2f);
  EXPECT_FLOAT_EQ(static_cast<float>(samples.add(9.0)), 0.2f);
  EXPECT_FLOAT_EQ(static_cast<float>(samples.add(0.3)), 0.3f);
  EXPECT_FLOAT_EQ(static_cast<float>(samples.add(0.3)), 0.3f);
  EXPECT_FLOAT_EQ(static_cast<float>(samples.add(0.0)), 0.3f);
}

TEST(Vivaldi, starts_at_the_origin_sure_of_nothing) {
  const Vivaldi vivaldi{Prng(1)};
  EXPECT_EQ(vivaldi.coordinate().vec, (std::array<double, 8>{}));
  EXPECT_EQ(vivaldi.coordinate().error, 1.5);
  EXPECT_EQ(vivaldi.coordinate().height, 1e-5);
}

TEST(Vivaldi, moves_towards_what_was_measured) {
  Vivaldi vivaldi{Prng(1)};
  RttSamples samples;
  Coordinate other;
  other.vec[2] = 1 * kMillisecond;
  const double before = estimated_rtt(vivaldi.coordinate(), other);
  EXPECT_TRUE(vivaldi.update(other, samples, duration_of(100 * kMillisecond)));
  EXPECT_GT(estimated_rtt(vivaldi.coordinate(), other), before);
}

TEST(Vivaldi, refuses_round_trips_that_cannot_be) {
  Vivaldi vivaldi{Prng(1)};
  RttSamples samples;
  EXPECT_FALSE(vivaldi.update({}, samples, Duration{-1}));
  EXPECT_FALSE(vivaldi.update({}, samples, seconds(10) + Duration{1}));
  EXPECT_EQ(vivaldi.coordinate().error, 1.5);
  EXPECT_TRUE(vivaldi.update({}, samples, seconds(10)));
  EXPECT_TRUE(vivaldi.update({}, samples, Duration{0}));
}

TEST(Vivaldi, refuses_coordinates_that_cannot_be) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinite = std::numeric_limits<double>::infinity();
  for (const double bad : {nan, infinite, -infinite, 1e6, -1e6}) {
    for (int field = 0; field < 4; ++field) {
      Coordinate other;
      if (field == 0) other.vec[7] = bad;
      if (field == 1) other.error = bad;
      if (field == 2) other.adjustment = bad;
      if (field == 3) other.height = bad;
      Vivaldi vivaldi{Prng(1)};
      RttSamples samples;
      EXPECT_FALSE(vivaldi.update(other, samples, milliseconds(1))) << bad << " in " << field;
      EXPECT_EQ(vivaldi.coordinate().vec, (std::array<double, 8>{}));
    }
  }
}

// Whatever others claim, within what can be, ours stays within it.
TEST(Vivaldi, stays_sensible_among_liars) {
  Prng prng(7);
  Vivaldi vivaldi{prng.fork()};
  std::vector<RttSamples> samples(20);
  for (int i = 0; i < 20'000; ++i) {
    Coordinate other;
    for (double& x : other.vec) x = static_cast<double>(prng.between(-100, 100));
    other.error = static_cast<double>(prng.below(2));
    other.height = static_cast<double>(prng.below(101));
    other.adjustment = static_cast<double>(prng.between(-100, 100));
    const Duration rtt{prng.between(0, seconds(10).ns)};
    EXPECT_TRUE(vivaldi.update(other, samples[prng.below(20)], rtt));
    const Coordinate& own = vivaldi.coordinate();
    for (const double x : own.vec) ASSERT_LE(std::abs(x), 100);
    ASSERT_LE(own.error, 1.5);
    ASSERT_GE(own.error, 0);
    ASSERT_GE(own.height, 10e-6);
    ASSERT_LE(own.height, 100);
  }
}

// Hosts whose true round trips are known, all measuring each other at random.
class Network {
 public:
  using Truth = std::function<double(size_t, size_t)>;  // seconds from one to the other

  Network(size_t size, Truth truth, uint64_t seed) : truth_(std::move(truth)), prng_(seed) {
    for (size_t i = 0; i < size; ++i) hosts_.push_back({Vivaldi(prng_.fork()), {}});
    for (Host& host : hosts_) host.samples.resize(size);
  }
  void run(int cycles) {
    for (int cycle = 0; cycle < cycles; ++cycle) {
      for (size_t i = 0; i < hosts_.size(); ++i) {
        const size_t j = prng_.below(hosts_.size());
        if (i != j) measure(i, j);
      }
    }
  }
  const Coordinate& at(size_t i) const { return hosts_[i].vivaldi.coordinate(); }

  struct Errors {
    double average = 0, worst = 0;  // relative to the truth
  };
  Errors errors() const {
    Errors errors;
    size_t pairs = 0;
    for (size_t i = 0; i < hosts_.size(); ++i) {
      for (size_t j = i + 1; j < hosts_.size(); ++j, ++pairs) {
        const double error = std::abs(estimated_rtt(at(i), at(j)) - truth_(i, j)) / truth_(i, j);
        errors.average += error;
        errors.worst = std::max(errors.worst, error);
      }
    }
    errors.average /= static_cast<double>(pairs);
    return errors;
  }

 private:
  struct Host {
    Vivaldi vivaldi;
    std::vector<RttSamples> samples;
  };
  void measure(size_t i, size_t j) {
    EXPECT_TRUE(hosts_[i].vivaldi.update(at(j), hosts_[i].samples[j], duration_of(truth_(i, j))));
  }

  Truth truth_;
  Prng prng_;
  std::vector<Host> hosts_;
};

double apart(size_t i, size_t j) {
  return std::abs(static_cast<double>(i) - static_cast<double>(j));
}

// The worst of several seeds after 1,000 rounds.
Network::Errors errors_of(size_t size, const Network::Truth& truth) {
  Network::Errors worst;
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    Network network(size, truth, seed);
    network.run(1'000);
    const Network::Errors errors = network.errors();
    worst.average = std::max(worst.average, errors.average);
    worst.worst = std::max(worst.worst, errors.worst);
  }
  return worst;
}

// The networks by which Serf judges its own coordinates. It judges one seed and asks for errors of
// 0.2 % on average and 1 to 2 % at worst, which ours reaches with most seeds; these are all of
// them.
TEST(VivaldiNetwork, finds_a_line) {
  const auto truth = [](size_t i, size_t j) { return apart(i, j) * 10 * kMillisecond; };
  const Network::Errors errors = errors_of(10, truth);
  EXPECT_LT(errors.average, 0.006);
  EXPECT_LT(errors.worst, 0.04);
}

TEST(VivaldiNetwork, finds_a_grid) {
  const auto truth = [](size_t i, size_t j) {
    return std::hypot(apart(i % 5, j % 5), apart(i / 5, j / 5)) * 10 * kMillisecond;
  };
  const Network::Errors errors = errors_of(25, truth);
  EXPECT_LT(errors.average, 0.003);
  EXPECT_LT(errors.worst, 0.022);
}

TEST(VivaldiNetwork, finds_two_sites) {
  const auto truth = [](size_t i, size_t j) {
    const bool same_site = (i <= 12) == (j <= 12);
    return same_site ? 1 * kMillisecond : 11 * kMillisecond;
  };
  const Network::Errors errors = errors_of(25, truth);
  EXPECT_LT(errors.average, 0.006);
  EXPECT_LT(errors.worst, 0.04);
}

TEST(VivaldiNetwork, finds_a_host_behind_a_slow_link) {
  const auto truth = [](size_t i, size_t j) {
    constexpr double kRadius = 100 * kMillisecond;
    if (i == 0 || j == 0) return 2 * kRadius;
    return 2 * kRadius * std::sin(M_PI * apart(i, j) / 25);
  };
  const Network::Errors errors = errors_of(25, truth);
  EXPECT_LT(errors.average, 0.001);
  EXPECT_LT(errors.worst, 0.02);
}

TEST(VivaldiNetwork, finds_what_it_can_among_random_distances) {
  Prng prng(3);
  std::vector<double> distances(size_t{25} * 25);
  for (double& d : distances) d = static_cast<double>(prng.between(80, 120)) * kMillisecond;
  const auto truth = [&](size_t i, size_t j) {
    return distances[std::min(i, j) * 25 + std::max(i, j)];
  };
  const Network::Errors errors = errors_of(25, truth);
  EXPECT_LT(errors.average, 0.075);
  EXPECT_LT(errors.worst, 0.33);
}

// The distance of the first four hosts' common centre from the origin.
double centre_of(const Network& network) {
  double sum = 0;
  for (size_t d = 0; d < 8; ++d) {
    double mean = 0;
    for (size_t i = 0; i < 4; ++i) mean += network.at(i).vec[d] / 4;
    sum += mean * mean;
  }
  return std::sqrt(sum);
}

// Four hosts half a second apart fit together at any place: gravity brings them home.
TEST(VivaldiNetwork, is_drawn_to_the_origin) {
  const auto truth = [](size_t i, size_t j) {
    return std::hypot(apart(i % 2, j % 2), apart(i / 2, j / 2)) * 500 * kMillisecond;
  };
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    Network network(4, truth, seed);
    network.run(1'000);
    const double before = centre_of(network);
    network.run(10'000);
    EXPECT_LT(centre_of(network), std::max(0.95 * before, 0.03)) << seed;
  }
}

TEST(VivaldiNetwork, is_the_same_for_the_same_seed) {
  const auto truth = [](size_t i, size_t j) { return apart(i, j) * kMillisecond; };
  Network one(10, truth, 5);
  Network other(10, truth, 5);
  one.run(50);
  other.run(50);
  for (size_t i = 0; i < 10; ++i) EXPECT_EQ(one.at(i).vec, other.at(i).vec);
}

}  // namespace
}  // namespace phoenix::gossip
