// Programs for the lab's own images; standard library only, so they build without a network.
module homeostat.dev/lab

go 1.24
