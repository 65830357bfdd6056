#include "cli/serve/config_file.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <fstream>

#include "cli/serve/serve_flags.h"

namespace phoenix::cli {
namespace {

std::string complaints(const std::string& text) {
  ServeOptions options;
  const auto entries = read_config(text, "f.yaml", serve_flags(&options));
  return entries ? "" : entries.error().why;
}

TEST(ConfigFile, KeysAreFlagsInCamelCase) {
  EXPECT_EQ(config_key("--max-live-packets"), "maxLivePackets");
  EXPECT_EQ(config_key("--data"), "data");
}

TEST(ConfigFile, GivesEntriesWithTheirPlaces) {
  ServeOptions options;
  const auto entries = read_config(
      "# a host\nlisten: 127.0.0.1:0\ninsecure: true\nallowHost: [a, \"b\"]\nallowOrigin:\n  - c\n",
      "f.yaml", serve_flags(&options));
  ASSERT_TRUE(entries);
  std::string all;
  for (const auto& entry : *entries) {
    all += entry.place + " " + entry.flag + "=" + entry.value + "\n";
  }
  EXPECT_EQ(all,
            "f.yaml:2:9 --listen=127.0.0.1:0\n"
            "f.yaml:3:11 --insecure=\n"
            "f.yaml:4:13 --allow-host=a\n"
            "f.yaml:4:16 --allow-host=b\n"
            "f.yaml:6:5 --allow-origin=c\n");
}

TEST(ConfigFile, FaultsAreToldWithLineAndColumnAllAtOnce) {
  EXPECT_EQ(complaints("listne: x\nname: a\nname: b\ndata:\n"),
            "f.yaml:1:1: unknown key \"listne\", did you mean listen?\n"
            "f.yaml:3:1: key \"name\" stands twice\n"
            "f.yaml:4:1: data has no value");
  EXPECT_EQ(complaints("data: {a: 1}\nname: n\nlisten: [x]\n"),
            "f.yaml:1:7: expected one \"key: value\" a line, nothing nested\n"
            "f.yaml:3:9: listen takes one value, no list");
  EXPECT_EQ(complaints("insecure: maybe\n"),
            "f.yaml:1:11: insecure: \"maybe\" is neither true nor false");
  EXPECT_EQ(complaints("name: &x a\ndata: *x\n"),
            "f.yaml:1:7: anchors and aliases are not allowed\n"
            "f.yaml:2:7: anchors and aliases are not allowed");
  EXPECT_EQ(complaints("name: !!str a\n"), "f.yaml:1:7: tags are not allowed");
  EXPECT_EQ(complaints("name: a\n---\nname: b\n"), "f.yaml: holds more than one document");
  EXPECT_NE(complaints("[a, b]\n"), "");
  EXPECT_NE(complaints("just text\n"), "");
  EXPECT_NE(complaints("name: [a\n"), "");
  EXPECT_NE(complaints(std::string(100'000, '[')), "");
}

TEST(ConfigFile, AnEmptyOneIsFine) {
  EXPECT_EQ(complaints(""), "");
  EXPECT_EQ(complaints("# nothing\n"), "");
}

class MergeTest : public ::testing::Test {
 protected:
  MergeTest() {
    std::string name = "/tmp/phoenix-config-XXXXXX";
    const int fd = mkstemp(name.data());
    if (fd >= 0) close(fd);
    path_ = name;
  }
  ~MergeTest() override { unlink(path_.c_str()); }
  const std::string& file(const std::string& text) {
    std::ofstream(path_) << text;
    return path_;
  }
  std::string path_;
};

TEST_F(MergeTest, FlagsWinOverTheFile) {
  const auto options = merge_serve_options(
      file("listen: 127.0.0.1:1\nretain: 1h\nallowHost: [a]\nmaxLivePackets: 5\n"),
      {{"--listen", "127.0.0.1:2"}, {"--allow-host", "b"}, {"--allow-host", "c"}});
  ASSERT_TRUE(options) << options.error().why;
  EXPECT_EQ(options->listen, "127.0.0.1:2");
  EXPECT_TRUE(options->listen_explicit);
  EXPECT_FALSE(options->peer_explicit);
  EXPECT_EQ(options->retain, seconds(3600));
  EXPECT_EQ(options->max_live_packets, 5);
  EXPECT_EQ(options->allow_host, (std::vector<std::string>{"b", "c"}));
}

TEST_F(MergeTest, WrongValuesOfTheFileAreToldWithTheirPlaces) {
  const auto options = merge_serve_options(file("weight: -1\nretain: 7\njoin: \"a:b\"\n"), {});
  ASSERT_FALSE(options);
  EXPECT_EQ(options.error().exit_code, kExitWrongUse);
  EXPECT_EQ(options.error().why,
            path_ + ":1:9: weight: \"-1\" is no whole number from 0 to 10000\n" + path_ +
                ":2:9: retain: \"7\" is no duration; write it as 1500ms, 25s or 2m\n" + path_ +
                ":3:7: join: \"a:b\" is no HOST:PORT; write it as 10.0.0.1:7946 or [::1]:7946");
}

TEST_F(MergeTest, HostsToJoinAreAListWithOrWithoutPorts) {
  const auto options =
      merge_serve_options(file("join: [h1, \"h2:1\"]\npool: p\ngossipKeyFile: k\nweight: 0\n"), {});
  ASSERT_TRUE(options) << options.error().why;
  EXPECT_EQ(options->join, (std::vector<std::string>{"h1", "h2:1"}));
  EXPECT_EQ(options->pool_dir, "p");
  EXPECT_EQ(options->gossip_key_file, "k");
  EXPECT_EQ(options->weight, 0);
  const auto flags =
      merge_serve_options(file("join: h1\n"), {{"--join", "[::1]:7946,h3"}, {"--join", "h4"}});
  ASSERT_TRUE(flags);
  EXPECT_EQ(flags->join, (std::vector<std::string>{"[::1]:7946", "h3", "h4"}));
}

TEST_F(MergeTest, CertificateAndKeyComeTogether) {
  EXPECT_FALSE(merge_serve_options("", {{"--tls-cert", "c.pem"}}));
  EXPECT_TRUE(merge_serve_options("", {{"--tls-cert", "c.pem"}, {"--tls-key", "k.pem"}}));
}

TEST_F(MergeTest, AddressesAreChecked) {
  for (const char* good : {"127.0.0.1:0", "[::1]:7400", "localhost:65535"}) {
    EXPECT_TRUE(merge_serve_options(file(std::string("listen: \"") + good + "\"\n"), {})) << good;
  }
  for (const char* bad : {"127.0.0.1", "127.0.0.1:65536", ":7400", "::1:7400", "a:b"}) {
    EXPECT_FALSE(merge_serve_options(file(std::string("listen: \"") + bad + "\"\n"), {})) << bad;
  }
}

}  // namespace
}  // namespace phoenix::cli
