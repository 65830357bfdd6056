#include "cli/worker/host_list.h"

#include <gtest/gtest.h>

#include <map>

namespace phoenix::worker {
namespace {

std::vector<std::string> hosts_of(const HostList& list) {
  std::vector<std::string> all{list.present()};
  for (std::string url = list.after(list.present()); url != list.present(); url = list.after(url)) {
    all.push_back(url);
  }
  return all;
}

TEST(HostList, TriesThoseGivenInTheirOrder) {
  const HostList list({"http://a:1/", "b:2", "http://a:1"}, "w");
  EXPECT_EQ(hosts_of(list), (std::vector<std::string>{"http://a:1", "http://b:2"}));
  EXPECT_FALSE(HostList({"http://a:1"}, "w").several());
}

TEST(HostList, LearnsWhichThereAreAndKeepsThoseGiven) {
  HostList list({"http://a:1", "http://old:1"}, "w");
  list.learn({"http://b:1", "http://a:1/", "http://c:1"});
  EXPECT_EQ(list.present(), "http://a:1");
  EXPECT_EQ(list.size(), 4U);
  list.learn({"http://b:1"});
  EXPECT_EQ(list.size(), 3U) << "what is neither told any more nor given is forgotten";
}

TEST(HostList, GoesNowhereThatIsLessSafeOrNoHost) {
  HostList list({"https://a:1"}, "w");
  list.learn({"http://b:1", "nonsense://x", ""});
  EXPECT_FALSE(list.several());
  EXPECT_FALSE(list.go_to("http://b:1"));
  EXPECT_FALSE(list.go_to("https://a:1/"));
  EXPECT_TRUE(list.go_to("https://b:1"));
  EXPECT_EQ(list.present(), "https://b:1");
  EXPECT_EQ(list.after("https://b:1"), "https://a:1");
}

TEST(HostList, HoldsABoundedNumber) {
  HostList list({"http://a:1"}, "w");
  std::vector<std::string> told;
  for (int i = 1; i < 1000; ++i) told.push_back("http://h:" + std::to_string(i));
  list.learn(told);
  EXPECT_EQ(list.size(), HostList::kMaxHosts + 1);
}

TEST(HostList, MembersOfOneHostSpreadOverTheOthers) {
  const std::vector<std::string> pool{"http://10.0.0.1:7400", "http://10.0.0.2:7400",
                                      "http://10.0.0.3:7400", "http://10.0.0.4:7400"};
  std::map<std::string, int> next;
  for (int i = 0; i < 3000; ++i) {
    HostList list({pool[0]}, "worker-" + std::to_string(i));
    list.learn(pool);
    ++next[list.after(pool[0])];
  }
  ASSERT_EQ(next.size(), 3U);
  for (const auto& [url, members] : next) EXPECT_NEAR(members, 1000, 120) << url;
}

}  // namespace
}  // namespace phoenix::worker
